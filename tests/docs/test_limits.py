"""The limits that docs/robustness.md prints are those of the code, all of them."""

import re
import tomllib

from synthcomp_core import limits
from tests.conftest import PROJECT_ROOT

# What only goes with another limit, and is said there in words.
WITH_OTHERS = {"MIB", "PADDED_PIXELS_FREE", "ZIP_FREE_BYTES"}


def test_the_table_of_limits_is_complete_and_true() -> None:
    page = (PROJECT_ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
    printed = dict(re.findall(r"^\| `([A-Z_0-9]+)` \| ([\d,]+(?: MiB)?)", page, re.MULTILINE))
    values = {name: value for name, value in vars(limits).items() if name.isupper() and name not in WITH_OTHERS}
    assert set(printed) == set(values)
    for name, text in printed.items():
        number = int(text.removesuffix(" MiB").replace(",", ""))
        assert number * (limits.MIB if text.endswith(" MiB") else 1) == values[name], name
    assert limits.ZIP_FREE_BYTES == 16 * limits.MIB


def test_the_server_takes_the_largest_upload_that_a_page_offers() -> None:
    config = tomllib.loads((PROJECT_ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["maxUploadSize"] * limits.MIB == limits.UPLOAD_BYTES >= limits.IMAGE_UPLOAD_BYTES
