"""A page script that a server is started with shows nothing but where to enter."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.clock import LIMIT_S
from tests.conftest import PROJECT_ROOT

PAGES = sorted((PROJECT_ROOT / "pages").glob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_run_by_itself_refuses_in_one_sentence(page: Path, artifacts: Path) -> None:
    alone = AppTest.from_file(str(page), default_timeout=LIMIT_S).run()
    (error,) = alone.error
    assert "streamlit run app.py" in error.value
    assert len(alone.main) == 1 and len(alone.sidebar) == 0 and not alone.exception


def test_there_are_pages() -> None:
    assert len(PAGES) >= 6
