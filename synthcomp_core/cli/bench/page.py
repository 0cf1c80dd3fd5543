"""How quickly the Live page answers, in a headless Chromium on a server of its own, and within which limits."""

from __future__ import annotations

import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthcomp_core.cli.bench.machine import process_peak_bytes
from synthcomp_core.codecs import list_learned
from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.storage import PROJECT_ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_START_S, _LIMIT_S = 180.0, 300.0
_LOOK_S = 0.03  # Between two looks at the page: each takes the browser's time, of which the server has the rest.
_WINDOW = {"width": 1440, "height": 900}
# The viewer lies in the shadow root of its component. Text of the footer, and which images are drawn.
_VIEWER = """() => {
    for (const host of document.querySelectorAll("[data-testid^=stBidiComponent], [data-testid^=stBidiComponent] *")) {
        const viewer = host.shadowRoot?.querySelector(".viewer");
        if (!viewer) continue;
        const footer = viewer.querySelector(".footer");
        const stage = footer?.querySelector(".stage-name")?.textContent ?? "";
        const sides = [...(footer?.querySelectorAll(".side") ?? [])].map((side) => side.textContent);
        return { ready: viewer.dataset.ready ?? "", stage, sides };
    }
    return { ready: "", stage: "", sides: [] };
}"""
_SHIFTS = """() => {
    window.layoutShift = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.layoutShift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
}"""


@dataclass(frozen=True)
class PageBench:
    """One thing measured. value, limit: in ``unit`` ("s", "MiB" or "" for a layout shift), at most ``limit``."""

    what: str
    value: float
    limit: float
    unit: str

    @property
    def holds(self) -> bool:
        """Whether the value is within its limit."""
        return self.value <= self.limit


def bench_page(*, repeats: int = 3, sessions: int = 8, on_progress: OnProgress = silent) -> list[PageBench]:
    """Measure the Live page of this clone on its first bundled frame (1080p), the medians of ``repeats``.

    sessions: how many open the page at once at the end, each with a variant of its own; 0 leaves that out. The learned
    codec is left out where its two bundled snapshots are not installed.
    SynthcompError without a browser, without Playwright or outside of a clone.
    """
    if not (PROJECT_ROOT / "app.py").is_file():
        raise SynthcompError("The page is measured from a clone of the project, which holds app.py.")
    with _server() as (address, process), _browser() as browser:
        results = [*_first_visit(browser, address, on_progress), *_moves(browser, address, repeats, on_progress)]
        if sessions:
            results += _together(browser, address, process, sessions, on_progress)
    on_progress(1.0, "measured")
    return results


@contextmanager
def _server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(PROJECT_ROOT / "app.py")]
    command += ["--server.port", str(port), "--server.headless", "true", "--browser.gatherUsageStats", "false"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=log, stderr=log)
        try:
            address = f"http://localhost:{port}"
            _wait_for(lambda: _is_healthy(address), _START_S, "the server answers")
            yield address, process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def _browser() -> Iterator[Browser]:
    path = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        raise SynthcompError(f"No browser to measure with: install one of {', '.join(_BROWSERS)}.")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise SynthcompError('Playwright is not installed: pip install -e ".[dev]" brings it.') from error
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


def _wait_for(holds: Callable[[], bool], limit_s: float, what: str) -> float:
    """The seconds until ``holds``; SynthcompError after the limit."""
    started = time.perf_counter()
    while not holds():
        if time.perf_counter() - started > limit_s:
            raise SynthcompError(f"Waited {limit_s:.0f} s in vain until {what}.")
        time.sleep(_LOOK_S)
    return time.perf_counter() - started


def _open(browser: Browser, address: str, query: str) -> Page:
    page = browser.new_page(viewport=_WINDOW)  # type: ignore[arg-type]
    page.add_init_script(f"({_SHIFTS})()")
    page.goto(f"{address}/?{query}&trail_curves=false", wait_until="commit")
    return page


def _shows(page: Page, *texts: str, measured: bool = False) -> bool:
    """Whether the images with these labels are drawn; measured: and all their numbers are there too."""
    viewer = page.evaluate(_VIEWER)
    sides = "\n".join(viewer["sides"])
    return all(text in sides for text in texts) and (not measured or (viewer["stage"] == "" and "SSIMUL" in sides))


def _wait_until_shown(page: Page, *texts: str, measured: bool = False) -> float:
    """The seconds until the images with these labels are drawn, or all their numbers are there too."""
    what = f"{' and '.join(texts)} {'is measured' if measured else 'is shown'}"
    return _wait_for(lambda: _shows(page, *texts, measured=measured), _LIMIT_S, what)


def _first_visit(browser: Browser, address: str, on_progress: OnProgress) -> list[PageBench]:
    on_progress(0.0, "a first visit warms the server")
    query = "a=jpeg-q75&b=webp-q75"
    labels = ("JPEG, quality 75", "WebP, quality 75")
    warm_up = _open(browser, address, query)
    _wait_until_shown(warm_up, *labels, measured=True)
    warm_up.close()
    on_progress(0.1, "a visit")
    page = _open(browser, address, query)
    ready_s = _wait_for(lambda: page.evaluate(_VIEWER)["ready"] != "", _LIMIT_S, "the viewer is ready")
    _wait_until_shown(page, *labels, measured=True)
    time.sleep(1.0)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0") / 1000
    shift = page.evaluate("window.layoutShift")
    page.close()
    return [
        PageBench("first paint, warm server", paint, 1.5, "s"),
        PageBench("viewer ready, warm server", ready_s, 2.5, "s"),
        PageBench("cumulative layout shift", shift, 0.05, ""),
    ]


def _moves(browser: Browser, address: str, repeats: int, on_progress: OnProgress) -> list[PageBench]:
    """Sliders moved and variants switched, each to something new, and back to something cached."""
    results = []
    for number, (family, label) in enumerate((("jpeg", "JPEG"), ("webp", "WebP"))):
        on_progress(0.2 + 0.2 * number, f"{label}'s slider")
        page = _open(browser, address, f"a=png&b={family}-q60")
        _wait_until_shown(page, f"{label}, quality 60", measured=True)
        slider = page.get_by_role("slider", name="Quality B")
        slider.focus()
        shown, measured = [], []
        for step in range(1, repeats + 1):
            new = f"{label}, quality {60 + step}"
            slider.press("ArrowRight")
            started = time.perf_counter()
            _wait_until_shown(page, new)
            shown.append(time.perf_counter() - started)
            _wait_until_shown(page, new, measured=True)
            measured.append(time.perf_counter() - started)
            time.sleep(0.5)
        slider.press("ArrowLeft")
        old = f"{label}, quality {60 + repeats - 1}"
        cached_s = _wait_until_shown(page, old)
        page.close()
        results += [
            PageBench(f"moved {label} slider: image", statistics.median(shown), 0.7, "s"),
            PageBench(f"moved {label} slider: all numbers", statistics.median(measured), 2.0, "s"),
            PageBench(f"cached {label} variant: image", cached_s, 0.3, "s"),
        ]
    if not {"mbt2018-q4-mse-photos", "mbt2018-q4-mse-games"} <= {card.id for card in list_learned()}:
        return results
    on_progress(0.6, "a learned codec")
    page = _open(browser, address, "a=png&b=mbt2018-q4-mse-photos")
    _wait_until_shown(page, "MSE, photos", measured=True)
    page.get_by_role("radio", name="games").or_(page.get_by_role("button", name="games")).first.click()
    learned_s = _wait_until_shown(page, "MSE, games")
    page.close()
    return [*results, PageBench("quality-4 learned codec: image", learned_s, 3.0, "s")]


def _together(
    browser: Browser, address: str, process: subprocess.Popen[bytes], sessions: int, on_progress: OnProgress
) -> list[PageBench]:
    """Several sessions at once, each with its own variant: how long the slowest waits against one alone, and memory."""
    on_progress(0.75, "one session alone")
    alone = _open(browser, address, "a=png&b=avif-q90")
    alone_s = _wait_until_shown(alone, "AVIF, quality 90", measured=True)
    alone.close()
    on_progress(0.8, f"{sessions} sessions at once")
    started = time.perf_counter()
    pages = {f"AVIF, quality {50 + n}": _open(browser, address, f"a=png&b=avif-q{50 + n}") for n in range(sessions)}
    waits: dict[str, float] = {}

    def all_served() -> bool:
        for label, page in pages.items():
            if label not in waits and _shows(page, label, measured=True):
                waits[label] = time.perf_counter() - started
        return len(waits) == len(pages)

    _wait_for(all_served, _LIMIT_S, "all sessions are served")
    for page in pages.values():
        page.close()
    peak = process_peak_bytes(process.pid) or 0
    return [
        PageBench(f"{sessions} sessions at once: slowest wait", max(waits.values()), 8 * alone_s, "s"),
        PageBench(f"{sessions} sessions at once: server's peak memory", peak / 2**20, 3072, "MiB"),
    ]
