"""The Compare page in a real browser: links, jumps, what is computed and what is not, and no word to the internet."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from synthcomp_core.images import read_image, write_png
from tests.browser.conftest import StartApp
from tests.browser.running import server_process, used_cpu_s
from tests.browser.viewing import Viewer
from tests.browser.waiting import click, rest
from tests.clock import at_most
from tests.pages.conftest import frame

pytestmark = pytest.mark.browser

HARNESS = Path(__file__).parent / "compare_harness.py"
# Seconds of the server's processor for a rerun that renders nothing: four times what it takes.
CACHED_WITHIN_CPU_S = 0.5
PICKS = "image=castle.png&variant=jpeg-q10&variant=webp-q40&variant=webp-q80"


@dataclass(frozen=True)
class Served:
    """The page's server. renders: the file with a line for every variant it rendered."""

    address: str
    renders: Path

    def rendered(self) -> list[str]:
        return self.renders.read_text().split() if self.renders.is_file() else []


@pytest.fixture(scope="module")
def served(start_app: StartApp, tmp_path_factory: pytest.TempPathFactory) -> Served:
    artifacts = tmp_path_factory.mktemp("artifacts")
    for name, seed in (("castle.png", 1), ("forest.png", 2)):
        write_png(frame(seed, 640, 384), artifacts / "samples" / name)
    (artifacts / "snapshots").mkdir()
    renders = artifacts / "renders.txt"
    return Served(
        start_app(HARNESS, {"SYNTHCOMP_ARTIFACTS": str(artifacts), "SYNTHCOMP_TEST_RENDERS": str(renders)}), renders
    )


def open_computed(page: Page, served: Served, more: str = "") -> None:
    page.goto(f"{served.address}/?{PICKS}&computed=1{more}")
    expect(page.get_by_role("button", name="Everything is computed")).to_be_visible()
    expect(page.get_by_text("marks the best value")).to_be_visible()
    expect(page.locator(".viewer")).to_have_attribute("data-mode", "swipe")


def add_variant(page: Page, name: str) -> None:
    box = page.get_by_role("combobox", name="Other variants")
    box.scroll_into_view_if_needed()
    rest(page)  # A page still scrolling closes the list, and forgets what was typed.
    box.click()
    expect(page.get_by_role("listbox")).to_be_visible()
    rest(page)
    box.fill(name)
    expect(page.get_by_role("option", name=name)).to_be_visible()
    box.press("Enter")
    expect(box).to_have_value("")
    # The open list hides the page from the roles that tests go by.
    page.keyboard.press("Escape")
    expect(page.get_by_role("application", name=re.compile("Images"))).to_be_visible()


def test_modes_pairs_and_zoom_cost_no_rendering_and_survive(browser_page: Page, served: Served) -> None:
    page = browser_page
    open_computed(page, served)
    assert sorted(set(served.rendered())) == ["jpeg-q10", "webp-q40", "webp-q80"]
    count = len(served.rendered())
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    for mode in ("Grid", "Flicker", "Difference", "Loupe", "Swipe"):
        page.locator(".viewer").get_by_text(mode, exact=True).click()
        expect(page.locator(".viewer")).to_have_attribute("data-mode", mode.lower())
    viewer = Viewer(page)
    while viewer.fact("zoom") != "4":
        before = viewer.fact("zoom")
        viewer.press("+")
        assert viewer.fact("zoom") != before
    viewer.rest()
    # The server knows the view by now, and has run the page again.
    click(page, page.get_by_role("button", name="Link to this view"))
    expect(page.get_by_test_id("stPopoverBody").locator("code")).to_contain_text("view=swipe~~~4~")
    page.keyboard.press("Escape")
    assert not [url for url in fetched if "/media/" in url and url.endswith(".png")]
    assert len(served.rendered()) == count

    # Another variant is computed alone; the zoom stays.
    add_variant(page, "webp-q41")
    click(page, page.get_by_role("button", name="Compute 1 missing"))
    expect(page.get_by_role("rowheader", name="5: WebP, quality 41")).to_be_visible()
    assert served.rendered()[count:] == ["webp-q41"]
    assert viewer.fact("zoom") == "4"


def test_a_link_opens_the_same_picks_and_view_elsewhere(new_page: Callable[..., Page], served: Served) -> None:
    page = new_page()
    open_computed(page, served, "&view=swipe~original~p2~8~0.3~0.6~split-0.3~overlay-FLIP+error+map")
    click(page, page.get_by_role("button", name="Link to this view"))
    code = page.get_by_test_id("stPopoverBody").locator("code")
    expect(code).to_contain_text("view=swipe~original~p2~8~0.3~0.6~split-0.3~overlay-FLIP")
    link = code.inner_text().strip()
    other = new_page()
    other.goto(link)
    expect(other.locator(".viewer")).to_have_attribute("data-right", "p2")
    Viewer(other).rest()
    assert Viewer(other).facts() == Viewer(page).facts()
    assert Viewer(other).fact("view") == Viewer(page).fact("view")
    expect(other.get_by_text("marks the best value")).to_be_visible()


def test_one_click_jumps_to_the_worst_tile_and_keeps_the_mode(browser_page: Page, served: Served) -> None:
    open_computed(browser_page, served, "&view=swipe~p1~p2~1~0.5~0.5")
    click(browser_page, browser_page.get_by_role("button", name="1: FLIP"))
    viewer = Viewer(browser_page)
    viewer.wait_for(zoom="4", left="original", mode="swipe")
    x, y = viewer.fact("x"), viewer.fact("y")
    click(browser_page, browser_page.get_by_role("button", name="2: FLIP"))
    expect(browser_page.locator(".viewer")).not_to_have_attribute("data-x", x)
    # The same tile again, after looking elsewhere.
    click(browser_page, browser_page.get_by_role("button", name="1: FLIP"))
    viewer.wait_for(x=x, y=y)
    viewer.press("ArrowRight", "ArrowDown")
    viewer.rest()
    assert (viewer.fact("x"), viewer.fact("y")) != (x, y)
    click(browser_page, browser_page.get_by_role("button", name="1: FLIP"))
    viewer.wait_for(x=x, y=y)


def test_a_cached_variant_comes_back_at_a_click(browser_page: Page, served: Served) -> None:
    open_computed(browser_page, served)
    count = len(served.rendered())
    # By place, not by role: the open list of the box hides the page from assistive technology.
    cell = browser_page.get_by_test_id("stTable").first.get_by_text("WebP, quality 80")
    browser_page.get_by_role("button", name="Remove webp-q80").or_(
        browser_page.locator('[data-baseweb="tag"]', has_text="webp-q80").get_by_role("presentation")
    ).first.click()
    expect(cell).to_have_count(0)
    box = browser_page.get_by_role("combobox", name="Other variants")
    box.fill("webp-q80")
    rest(browser_page)
    server = server_process(served.address)
    before_cpu_s = used_cpu_s(server)
    box.press("Enter")
    expect(cell).to_be_visible()
    expect(browser_page.locator(".viewer")).to_have_attribute("data-ready", re.compile(r"^(\S+ ){3}\S+$"))
    rest(browser_page)
    took_s = used_cpu_s(server) - before_cpu_s
    sys.stdout.write(f"\na cached variant took {took_s:.2f} s of the server's processor\n")
    assert len(served.rendered()) == count
    assert took_s < at_most(CACHED_WITHIN_CPU_S)


def test_without_the_internet_no_request_fails_or_leaves_the_machine(browser_page: Page, served: Served) -> None:
    page = browser_page
    hosts, failed = set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.route(
        "**/*",
        lambda route: route.continue_() if "127.0.0.1" in route.request.url else route.abort("internetdisconnected"),
    )
    open_computed(page, served)
    click(page, page.get_by_text("Juxtapose preview"))
    expect(page.get_by_text("A lossy preview")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)
    click(page, page.get_by_text("Figure for a paper"))
    click(page, page.get_by_role("button", name="Draw the figure"))
    expect(page.get_by_role("button", name="Figure .pdf")).to_be_visible()
    rest(page)
    assert {host for host in hosts if host} == {"127.0.0.1"}
    assert failed == []


def test_the_zip_and_the_figure_s_pdf_come_down(browser_page: Page, served: Served) -> None:
    page = browser_page
    open_computed(page, served)
    with page.expect_download() as waiting:
        click(page, page.get_by_role("button", name="Images and table as a zip"))
    with zipfile.ZipFile(io.BytesIO(waiting.value.path().read_bytes())) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert [image["variant"] for image in manifest["images"]] == [None, "jpeg-q10", "webp-q40", "webp-q80"]
        original = read_image(archive.read(manifest["images"][0]["file"]), name="original.png").image
        np.testing.assert_array_equal(original, frame(1, 640, 384))
    click(page, page.get_by_text("Figure for a paper"))
    click(page, page.get_by_role("button", name="Draw the figure"))
    expect(page.get_by_role("button", name="Figure .pdf")).to_be_visible()
    with page.expect_download() as waiting:
        click(page, page.get_by_role("button", name="Figure .pdf"))
    assert waiting.value.suggested_filename == "castle-figure.pdf"
    assert waiting.value.path().read_bytes().startswith(b"%PDF-")


def test_a_crop_picked_on_the_picture_stands_in_the_figure_panel_and_costs_no_rendering(
    browser_page: Page, served: Served
) -> None:
    page = browser_page
    open_computed(page, served, "&view=swipe~original~p1~2~0.5~0.5")
    count = len(served.rendered())
    Viewer(page).rest()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.locator(".stage").focus()  # It may scroll: measure after it.
    box = page.locator(".stage canvas").bounding_box()
    assert box is not None
    left, top = box["x"] + round(box["width"] / 2 - 640), box["y"] + round(box["height"] / 2 - 384)
    page.keyboard.press("c")
    # The top left pixel of the crop, and the last within it.
    page.mouse.move(left + 2 * 200 + 1, top + 2 * 150 + 1)
    page.mouse.down()
    page.mouse.move(left + 2 * 327 + 1, top + 2 * 245 + 1, steps=6)
    page.mouse.up()
    field = page.get_by_role("textbox", name="Crops (x,y,width,height")
    expect(field).to_have_value("200,150,128,96")
    expect(page.locator(".viewer")).to_have_attribute("data-crops", "200,150,128,96")
    # It survives a rerun, the closing of the panel, and stands in the figure's command.
    click(page, page.get_by_text("Figure for a paper"))
    expect(field).to_have_count(0)
    click(page, page.get_by_role("button", name="1: FLIP"))
    click(page, page.get_by_text("Figure for a paper"))
    expect(field).to_have_value("200,150,128,96")
    Viewer(page).rest()
    assert not [url for url in fetched if "/media/" in url and url.endswith(".png")]
    click(page, page.get_by_role("button", name="Draw the figure"))
    expect(page.get_by_test_id("stCode").filter(has_text="synthcomp_core figure").first).to_contain_text(
        "--crop 200,150,128,96"
    )
    assert len(served.rendered()) == count
    # What is written in the field is outlined on the picture.
    field.fill("10,20,64,64 200,150,128,96")
    field.press("Enter")
    expect(page.locator(".viewer")).to_have_attribute("data-crops", "10,20,64,64 200,150,128,96")


def test_a_blind_vote_is_counted_and_exported(browser_page: Page, served: Served) -> None:
    page = browser_page
    open_computed(page, served)
    click(page, page.get_by_text("Blind test"))
    vote = page.get_by_role("button", name="X is better")
    expect(vote).to_be_visible()
    expect(page.locator(".viewer")).to_have_attribute("data-ready", re.compile(r"^(\S+ ){2}\S+$"))
    # Nothing on the page tells which variants these are.
    for name in ("jpeg", "webp"):
        expect(page.get_by_test_id("stMain")).not_to_contain_text(re.compile(name, re.IGNORECASE))
    votes = page.get_by_text("Votes so far: 1")
    for _ in range(100):  # A pair that has only just been shown takes no vote.
        if votes.is_visible():
            break
        vote.click()
        rest(page)
    votes.click()
    rest(page)  # The address of the file is another one with every vote.
    with page.expect_download() as waiting:
        click(page, page.get_by_role("button", name="Votes as CSV"))
    (cast,) = csv.DictReader(waiting.value.path().read_text(encoding="utf-8").splitlines())
    assert cast["image"] == "castle.png"
    assert cast["preferred"] == cast["left"] != cast["right"]
    assert {cast["left"], cast["right"]} < {"jpeg-q10", "webp-q40", "webp-q80"}
    tally = page.get_by_role("table").get_by_role("row").nth(1)
    for variant in (cast["left"], cast["right"]):
        expect(tally).to_contain_text(variant)


def test_a_saved_comparison_opens_in_a_new_tab_and_can_be_deleted(browser_page: Page, served: Served) -> None:
    page = browser_page
    open_computed(page, served, "&view=swipe~original~p2~1~0.5~0.5")
    Viewer(page).rest()
    page.get_by_text("Saved comparisons (0)").click()
    field = page.get_by_role("textbox", name="Name")
    field.fill("two-webps")
    field.press("Enter")
    rest(page)
    page.get_by_role("button", name="Save", exact=True).click()
    link = page.get_by_role("link", name="two-webps")
    expect(link).to_be_visible()
    with page.expect_popup() as opening:
        link.click()
    other = opening.value
    expect(other.get_by_text("marks the best value")).to_be_visible()
    for name in ("2: JPEG, quality 10", "3: WebP, quality 40", "4: WebP, quality 80"):
        expect(other.get_by_role("rowheader", name=name)).to_be_visible()
    expect(other.locator(".viewer")).to_have_attribute("data-right", "p2")
    other.close()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Saved comparisons (0)")).to_be_visible()
    expect(link).to_have_count(0)


def test_axe_finds_no_serious_fault_on_the_whole_page(browser_page: Page, served: Served) -> None:
    page = browser_page
    open_computed(page, served)
    page.get_by_text("Figure for a paper").click()
    rest(page)  # A rerun under way would swallow the click.
    page.get_by_role("button", name="Draw the figure").click()
    expect(page.get_by_role("button", name="Figure .pdf")).to_be_visible()
    rest(page)  # What a rerun is about to replace is faded, which is no lack of contrast.
    results = Axe().run(page).response
    assert results["passes"], "axe looked at nothing"
    serious = [fault for fault in results["violations"] if fault["impact"] in ("serious", "critical")]
    assert [
        (fault["id"], [(node["html"], node["failureSummary"]) for node in fault["nodes"]]) for fault in serious
    ] == []
