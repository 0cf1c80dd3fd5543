"""What a test reads and does on a page with the viewer in it."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.waiting import rest


@dataclass
class Viewer:
    """A page with the viewer in it, and what the tests read and do there."""

    page: Page

    def fact(self, name: str) -> str:
        return self.page.locator(".viewer").get_attribute(f"data-{name}") or ""

    def facts(self) -> dict[str, str]:
        return {name: self.fact(name) for name in ("mode", "left", "right", "zoom", "x", "y")}

    def wait_for(self, **facts: str) -> None:
        for name, value in facts.items():
            expect(self.page.locator(".viewer")).to_have_attribute(f"data-{name}", value)

    def press(self, *keys: str) -> None:
        self.page.locator(".stage").focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def settle(self) -> None:
        """Two frames: the one that a change asked for has been drawn."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def rest(self) -> None:
        """What the viewer has to do by itself is done (decode, compute, write the link, report), and Streamlit too."""
        self.settle()
        self.wait_for(pending="")
        rest(self.page)

    def box(self) -> dict[str, float]:
        box = self.page.locator(".stage canvas").bounding_box()
        assert box is not None
        return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}

    def point(self, fx: float, fy: float) -> tuple[float, float]:
        box = self.box()
        return box["x"] + fx * box["width"], box["y"] + fy * box["height"]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=8)
        self.page.mouse.up()
        self.settle()

    def pixels(self) -> np.ndarray:
        """What the canvas area of the screen shows, (H, W, 3), in device pixels; the pointer out of the way."""
        self.settle()
        shot = self.page.screenshot(clip=self.box())  # type: ignore[arg-type]
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))

    def divider_position(self) -> int:
        return int(self.page.locator(".divider").get_attribute("aria-valuenow") or -1)
