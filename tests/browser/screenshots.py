"""Takes the README's screenshots from the running app: ``make screenshots``."""

from __future__ import annotations

import os

from playwright.sync_api import Page, sync_playwright

from synthcomp_core.storage import PROJECT_ROOT
from tests.browser.running import CHROMIUM_FLAGS, chromium_path, running_app

FOLDER = PROJECT_ROOT / "artifacts" / "screenshots"
RENDER_TIMEOUT_MS = 180_000


def settled(page: Page) -> None:
    """Wait until Streamlit has nothing running."""
    page.wait_for_timeout(700)
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')", timeout=RENDER_TIMEOUT_MS)
    page.wait_for_timeout(700)


def main() -> None:
    """Render the default selection of the Live page and photograph it."""
    FOLDER.mkdir(exist_ok=True)
    executable = chromium_path()
    if executable is None:
        raise SystemExit("No Chromium found: install Debian's chromium package.")
    with running_app(PROJECT_ROOT / "app.py", dict(os.environ)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1500})
        page.goto(f"{url}/?image=supertuxkart_minigolf_0002.webp&b_codec=webp&b_quality=40")
        page.get_by_role("button", name="Render both").click(timeout=RENDER_TIMEOUT_MS)
        page.get_by_text("marks the better one").wait_for(timeout=RENDER_TIMEOUT_MS)
        settled(page)
        page.screenshot(path=str(FOLDER / "live.png"))
        browser.close()


if __name__ == "__main__":
    main()
