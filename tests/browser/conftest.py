"""A real browser and a real Streamlit server for the tests in this folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.running import CHROMIUM_FLAGS, CHROMIUM_NAMES, chromium_path, running_app
from tests.browser.viewing import Viewer

VIEWER_HARNESS = Path(__file__).parent / "viewer_harness.py"


class StartApp(Protocol):
    """Starts `streamlit run script` with extra environment variables and returns its address."""

    def __call__(self, script: Path, env: dict[str, str] | None = None) -> str: ...


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests of a worker."""
    path = chromium_path()
    if path is None:
        if os.environ.get("SYNTHCOMP_REQUIRE_BROWSER"):
            pytest.fail("SYNTHCOMP_REQUIRE_BROWSER is set, but no Chromium is on the PATH")
        pytest.skip(f"no browser: none of {', '.join(CHROMIUM_NAMES)} is on the PATH")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages, each in a browser context of its own (own storage, own cache), of 1280 x 800 unless told."""
    contexts: list[BrowserContext] = []

    def open_page(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def browser_page(new_page: Callable[..., Page]) -> Page:
    """A fresh page of 1280 x 800 CSS pixels."""
    return new_page()


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
def open_viewer(start_app: StartApp, new_page: Callable[..., Page]) -> Callable[..., Viewer]:
    """Opens the harness with a query and page options, and waits for its pictures."""
    address = start_app(VIEWER_HARNESS)

    def open_page(query: str = "what=known", **options: object) -> Viewer:
        page = new_page(**options)
        page.goto(f"{address}/?{query}")
        page.locator(".viewer[data-ready]").wait_for(timeout=30_000)
        viewer = Viewer(page)
        page.evaluate("document.fonts.ready")
        viewer.settle()
        return viewer

    return open_page
