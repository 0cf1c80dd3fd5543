"""How long a browser test waits at most, and what it waits for where no single element tells that a page is done."""

from playwright.sync_api import Locator, Page

from tests.clock import LIMIT_S

LIMIT_MS = LIMIT_S * 1000

# So many frames in a row, drawn with nothing going on: half a second, and more where drawing is slow.
_CALM_FRAMES = 30

_AT_REST = f"""() => {{
    const app = document.querySelector("[data-testid=stApp]");
    const place = document.querySelector("[data-testid=stMain]")?.scrollTop;
    const moving = document.getAnimations().some(
        animation => animation.playState === "running" && Number.isFinite(animation.effect.getComputedTiming().endTime)
    );
    const busy = app?.dataset.testScriptState !== "notRunning" || document.querySelector("[data-stale=true]") !== null;
    window.calmFrames = busy || moving || place !== window.calmPlace ? 0 : window.calmFrames + 1;
    window.calmPlace = place;
    return window.calmFrames >= {_CALM_FRAMES};
}}"""


def rest(page: Page) -> None:
    """Wait until Streamlit runs no script, every element is fresh, and nothing moves or scrolls any more."""
    page.evaluate("window.calmFrames = 0")
    page.wait_for_function(_AT_REST, timeout=LIMIT_MS)


def click(page: Page, locator: Locator) -> None:
    """Click once the page is at rest: a rerun under way replaces what is clicked, and swallows the click."""
    rest(page)
    locator.click()
