"""A real browser and a real Streamlit server for the tests in this folder."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from synthcomp_core.runtime import is_switched_on
from tests.browser.running import CHROMIUM_FLAGS, CHROMIUM_NAMES, chromium_path, running_app, states_of_servers
from tests.browser.viewing import Viewer
from tests.browser.waiting import LIMIT_MS

VIEWER_HARNESS = Path(__file__).parent / "viewer_harness.py"


class StartApp(Protocol):
    """Starts `streamlit run script` with extra environment variables and returns its address."""

    def __call__(self, script: Path, env: dict[str, str] | None = None) -> str: ...


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say with a failure what the servers were doing: a page that stands still tells nothing."""
    report = yield
    if report.when == "call" and report.failed:
        item.stash[FAILED] = True
        report.sections.append(("Streamlit servers", states_of_servers()))
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests of a worker."""
    path = chromium_path()
    if path is None:
        if is_switched_on("SYNTHCOMP_REQUIRE_BROWSER"):
            pytest.fail("SYNTHCOMP_REQUIRE_BROWSER is set, but no Chromium is on the PATH")
        pytest.skip(f"no browser: none of {', '.join(CHROMIUM_NAMES)} is on the PATH")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS, timeout=LIMIT_MS)
        yield launched
        launched.close()


VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
FAILED = pytest.StashKey[bool]()

# A page that never left about:blank has no storage.
_FORGET = "location.protocol === 'about:' || (sessionStorage.clear(), localStorage.clear())"


class Contexts:
    """Browser contexts, each with its own storage and cache; 1280 x 800 CSS pixels unless asked otherwise."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.shared: dict[str, BrowserContext] = {}
        self.free: dict[str, list[Page]] = {}
        self.taken: dict[Page, tuple[str, ViewportSize]] = {}

    def new(self, **options: Any) -> BrowserContext:
        """A context of its own."""
        context = self.browser.new_context(**{"viewport": VIEWPORT, **options})
        context.set_default_timeout(LIMIT_MS)
        return context

    def take(self, **options: Any) -> Page:
        """A blank page in the context that all tests with these options share: its cache holds Streamlit's scripts.

        Tests use one page after the other, since a new one compiles every script anew: 0.8 s of the processor for the
        viewer's harness, 1.7 s for Live.
        """
        name = repr(sorted(options.items()))
        if name not in self.shared:
            self.shared[name], self.free[name] = self.new(**options), []
        page = self.free[name].pop() if self.free[name] else self.shared[name].new_page()
        page.bring_to_front()  # Pages behind others draw a frame a second.
        self.taken[page] = (name, options.get("viewport", VIEWPORT))
        return page

    def give_back(self, page: Page, *, sound: bool) -> None:
        """Clear a page for the next test; sound: False closes it, after a test that failed. One of a kind is kept."""
        name, viewport = self.taken.pop(page)
        if not sound or page.is_closed() or self.free[name]:
            page.close()
            return
        page.unroute_all()
        page.mouse.move(0, 0)
        page.evaluate(_FORGET)
        page.goto("about:blank")
        page.set_viewport_size(viewport)
        self.free[name].append(page)


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> Contexts:
    expect.set_options(timeout=LIMIT_MS)
    return Contexts(browser)


@pytest.fixture
def new_page(contexts: Contexts) -> Iterator[Callable[..., Page]]:
    """Opens pages that share nothing: each in a browser context of its own."""
    opened: list[BrowserContext] = []

    def open_page(**options: Any) -> Page:
        opened.append(contexts.new(**options))
        return opened[-1].new_page()

    yield open_page
    for context in opened:
        context.close()


@pytest.fixture
def shared_page(contexts: Contexts, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Opens blank pages in the contexts that the tests share."""
    opened: list[Page] = []

    def open_page(**options: Any) -> Page:
        opened.append(contexts.take(**options))
        return opened[-1]

    yield open_page
    for page in opened:
        contexts.give_back(page, sound=not request.node.stash.get(FAILED, False))


@pytest.fixture
def browser_page(shared_page: Callable[..., Page]) -> Page:
    """A blank page in the context that the tests share."""
    return shared_page()


@pytest.fixture(scope="session")
def start_app() -> Iterator[StartApp]:
    """Starts apps that live until the end of the session; the same script and environment are started once."""
    started: dict[tuple[object, ...], str] = {}
    with ExitStack() as running:

        def start(script: Path, env: dict[str, str] | None = None) -> str:
            name = (script, *sorted((env or {}).items()))
            if name not in started:
                started[name] = running.enter_context(running_app(script, env))
            return started[name]

        yield start


@pytest.fixture
def open_viewer(
    start_app: StartApp, shared_page: Callable[..., Page], new_page: Callable[..., Page]
) -> Callable[..., Viewer]:
    """Opens the harness with a query and options of the context, and waits until its images are drawn.

    With `elsewhere`, in a context that shares nothing with the others.
    """
    address = start_app(VIEWER_HARNESS)

    def open_page(query: str = "what=known", *, elsewhere: bool = False, **options: Any) -> Viewer:
        page = (new_page if elsewhere else shared_page)(**options)
        page.goto(f"{address}/?{query}")
        page.locator(".viewer[data-ready]").wait_for()
        viewer = Viewer(page)
        page.evaluate("document.fonts.ready")
        viewer.settle()
        return viewer

    return open_page
