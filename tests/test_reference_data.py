"""Tests that need what is not in the repository: skipped with a reason, or, in CI, failed."""

from pathlib import Path

import pytest

from tests.conftest import reference_data


def test_without_its_data_a_test_is_skipped_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNTHCOMP_REQUIRE_SHARED", raising=False)
    assert reference_data(tmp_path) == tmp_path
    with pytest.raises(pytest.skip.Exception, match=r"^needs the reference data in \.\./shared, which is absent$"):
        reference_data(tmp_path / "shared")


def test_where_the_data_is_required_the_test_fails_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHCOMP_REQUIRE_SHARED", "1")
    assert reference_data(tmp_path) == tmp_path
    with pytest.raises(pytest.fail.Exception, match=r"SYNTHCOMP_REQUIRE_SHARED is set, but this test needs .*/shared"):
        reference_data(tmp_path / "shared")
