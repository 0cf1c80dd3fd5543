"""The domain gap of hand-made models, against the rates that were put in."""

import pytest

from synthcomp_core.results.curves import (
    rd_curves,
)
from synthcomp_core.results.domain_gap import domain_gap
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.table import rows_table
from tests.results.samples import images_table


def test_the_domain_gap_is_the_bd_rate_between_training_sets_on_each_data_set() -> None:
    factor = {("games", "games"): 1.0, ("photos", "games"): 1.25, ("games", "kodak"): 1.1, ("photos", "kodak"): 1.0}
    factor |= {("games", "clic"): 1.0, ("photos", "clic"): 1.0}
    rows = [
        ResultRow(
            tested,
            "a.png",
            variant=f"mbt2018-q{quality}-mse-{trained}",
            codec="mbt2018",
            quality=quality,
            distortion="mse",
            trained_on=trained,
            bpp=0.1 * 2**quality * factor[trained, tested],
            psnr_rgb=30.0 + 3 * quality,
        )
        for tested in ("games", "kodak", "clic")
        for trained in ("games", "photos")
        for quality in range(4)
    ]
    (gap,) = domain_gap(rd_curves(rows_table(rows), "psnr_rgb"), reference="games")
    assert gap.family == "mbt2018-mse"
    assert (gap.trained_on, gap.tested_on) == (("games", "photos"), ("games", "kodak", "clic"))
    assert gap.rate_percent[0] == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)
    assert gap.rate_percent[1] == pytest.approx((25.0, 100 / 1.1 - 100, 0.0), abs=1e-9)
    assert gap.sentences[0] == "On games, mbt2018-mse, trained on photos, needs 25.0 % more bits than trained on games."
    assert "fewer" in gap.sentences[1]
    assert gap.sentences[2] == "On clic, mbt2018-mse, trained on photos, needs as many bits as trained on games."
    assert domain_gap(rd_curves(images_table(), "psnr_rgb")) == []
