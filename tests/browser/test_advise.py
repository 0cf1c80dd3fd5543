"""The Advise page in a real browser: its sentence and its numbers are those of the core, and lead to Compare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from synthcomp_core.codecs.targets import Target
from synthcomp_core.images import write_png
from synthcomp_core.metrics import METRICS
from synthcomp_core.variants.advice import advice
from synthcomp_core.variants.candidates import ADVICE_METRICS, candidates, rows_for_image
from tests.browser.conftest import StartApp
from tests.browser.waiting import rest
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def small_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("advise")
    write_png(frame(1), folder / "samples" / "castle.png")
    write_png(frame(2), folder / "samples" / "forest.png")
    yield folder


def test_the_answer_stands_in_a_sentence_with_its_numbers(
    browser_page: Page, start_app: StartApp, small_artifacts: Path
) -> None:
    page = browser_page
    address = start_app(PROJECT_ROOT / "app.py", {"SYNTHCOMP_ARTIFACTS": str(small_artifacts)})
    page.goto(f"{address}/advise?limit_bytes=4&families=jpeg&families=webp&families=avif&scales=1")
    page.get_by_role("button", name="Advise").click()
    target = Target("bytes", 4000)
    tried = candidates(target, families=["jpeg", "webp", "avif"], scales=(1,))
    expected = advice(rows_for_image(frame(1), tried, dataset="samples", image_name="castle.png"), target)
    main = expected.verdicts[-1]
    expect(page.get_by_text(main.sentence)).to_be_visible()
    assert f"{main.winner.values['ssimulacra2']:.2f}" in main.sentence
    for sentence in expected.sentences:
        expect(page.get_by_text(sentence)).to_be_visible()
    # The table says what the sentences rest on, best first.
    for number, option in enumerate(expected.options):
        numbers = [f"{option.num_bytes:,.0f}", *(f"{option.values[n]:.{METRICS[n].decimals}f}" for n in ADVICE_METRICS)]
        for column, text in enumerate([option.settled, *numbers], 1):
            expect(page.get_by_test_id(f"glide-cell-{column}-{number}")).to_have_text(text)
    expect(page.locator(".js-plotly-plot")).to_be_visible()
    rest(page)
    page.get_by_role("link", name="Look at the best 3 in Compare").click()
    page.wait_for_url("**/compare?**")
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["image"] == ["castle.png"]
    assert asked["variant"] == [str(option.variant) for option in expected.options]
    # Back on the page, the question is the one that was answered.
    page.get_by_role("link", name="Advise").click()
    expect(page.get_by_text(main.sentence)).to_be_visible()
    rest(page)
    assert parse_qs(urlsplit(page.url).query)["families"] == ["jpeg", "webp", "avif"]


def test_all_images_are_searched_in_the_background_and_answered_with_an_interval(
    browser_page: Page, start_app: StartApp, small_artifacts: Path
) -> None:
    page = browser_page
    address = start_app(PROJECT_ROOT / "app.py", {"SYNTHCOMP_ARTIFACTS": str(small_artifacts)})
    page.goto(f"{address}/advise?limit_bytes=4&families=jpeg&families=webp&scales=1&about=all+images")
    expect(page.get_by_text("2 images, 2 variants, 4 tasks, 0 done")).to_be_visible()
    page.get_by_role("button", name="Advise", exact=True).click()
    answer = page.get_by_text("For these 2 images at size 4,000 bytes").last
    expect(answer).to_contain_text("95 % interval")
    expect(page.get_by_text("2 images, 2 variants, 4 tasks, 4 done")).to_be_visible()
