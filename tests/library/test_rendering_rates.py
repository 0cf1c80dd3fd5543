"""Rates beside images rendered elsewhere: what is no rate counts as not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthcomp_core.library.rendering_rates import read_rates


@pytest.mark.parametrize("column", ["bpp", "bytes"])
@pytest.mark.parametrize("value", ["1e306", "1e20", "inf", "nan", "-1", "0"])
def test_a_rate_beyond_any_image_s_is_not_known(column: str, value: str, tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text(f"name,{column}\na.png,{value}\nb.png,2.0\n")
    rates = read_rates(tmp_path)
    assert rates.bytes_of("a", pixels=10**7) is None
    assert rates.bytes_of("b", pixels=8) == 2
