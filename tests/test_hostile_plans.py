"""Plans that nobody would write by hand: one sentence each, at once, in little memory."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from synthcomp_core.batch.plan import expand_braces, parse_run_plan, read_run_plan
from synthcomp_core.errors import PlanError
from synthcomp_core.toml_records import read_text
from synthcomp_core.training.plan import read_training_plan
from tests.clock import at_most
from tests.conftest import PROJECT_ROOT

DATA = '\n[[datasets]]\nfolder = "."\n'
HOSTILE = {
    "NUL in a folder": 'variants = ["webp-q50"]\n[[datasets]]\nfolder = "a\\u0000b"\n',
    "the home of nobody": 'variants = ["webp-q50"]\n[[datasets]]\nfolder = "~nobody-at-all/x"\n',
    "5,000 digits": f'variants = ["webp-q50"]\nmax_megapixels = {"9" * 5000}' + DATA,
    "400 digits": f'variants = ["webp-q50"]\nmax_megapixels = {"9" * 400}' + DATA,
    "hexadecimal digits": f'variants = ["webp-q50"]\nmax_megapixels = 0x{"f" * 300_000}' + DATA,
    "exponent": 'variants = ["webp-q50"]\nmax_megapixels = 1e999' + DATA,
    "an exponent within a float's range": 'variants = ["webp-q50"]\nmax_megapixels = 1e302' + DATA,
    "nan": 'variants = ["webp-q50"]\nmax_megapixels = nan' + DATA,
    "nested lists": f"variants = {'[' * 100_000}{']' * 100_000}" + DATA,
    "nested tables": f"variants = {'{a=' * 50_000}1{'}' * 50_000}" + DATA,
    "dotted keys": f"{'.'.join('a' * 200_000)} = 1" + DATA,
    "dotted tables": f"[{'.'.join('a' * 200_000)}]\n" + DATA,
    "quoted dotted keys": ".".join(['"a"'] * 50_000) + " = 1" + DATA,
    "unclosed": "variants = [" * 1000,
    "escape": 'variants = ["webp-q50\\u001b[31m"]' + DATA,
    "newline": 'variants = ["""webp-q50\n"""]' + DATA,
    "a line break in a metric": 'variants = ["webp-q50"]\nmetrics = ["\\n"]' + DATA,
    "a line break in a variant": 'variants = ["webp-q50"]\n[[renderings]]\ndataset = "a"\nfolder = "."\nvariant = "\\n"'
    + DATA,
    "a line break in a data set": 'variants = ["webp-q50"]\n[[renderings]]\ndataset = "\\n"\nfolder = "."' + DATA,
    "a line break in a folder": 'variants = ["webp-q50"]\n[[datasets]]\nfolder = "a\\u2028b"\n',
    "a long key": "k" * 500_000 + " = 1" + DATA,
    "a long text": f'variants = ["{"x" * 900_000}"]' + DATA,
    "braces": 'variants = ["' + "{1..9}" * 50 + '"]' + DATA,
    "braces within braces": 'variants = ["' + "{" * 5000 + "a,b" + "}" * 5000 + '"]' + DATA,
    "a range of everything": 'variants = ["webp-q{1..99999999999999999999}"]' + DATA,
    "100 x 100": 'variants = ["{1..100}x{1..100}"]' + DATA,
    "many tables": 'variants = ["webp-q50"]\n' + "[[datasets]]\n" * 80_000,
    "many tables of nothing": "".join(f"[t{number}]\n" for number in range(50_000)),
    "a date for a name": 'name = 1979-05-27\nvariants = ["none"]' + DATA,
    "a time for a variant": "variants = [07:32:00]" + DATA,
    "a date for a limit": 'variants = ["none"]\n[[datasets]]\nfolder = "."\nlimit = 1979-05-27T07:32:00Z',
    "a name of Python's": '__class__ = 1\nvariants = ["none"]' + DATA,
    "a key twice": 'name = "a"\nname = "b"\nvariants = ["none"]' + DATA,
    "a table twice": 'variants = ["none"]\n[slurm]\n[slurm]' + DATA,
    "half a character": 'variants = ["\\ud800"]' + DATA,
    "no character": 'variants = ["\\U00110000"]' + DATA,
    "a list of everything": 'variants = ["none", 1, [2], {a = 3}]' + DATA,
    "up": 'name = ".."\nvariants = ["none"]' + DATA,
    "a long name": f'name = "{"a" * 10_000}"\nvariants = ["none"]' + DATA,
    "a list of folders": 'variants = ["none"]\n[[datasets]]\nfolder = ["."]',
    "a deep folder": f'variants = ["none"]\n[[datasets]]\nfolder = "{"a/" * 2500}"',
    "a command for a memory": 'variants = ["none"]\n[slurm]\nmemory = "; rm -rf x"' + DATA,
    "a line for a time": 'variants = ["none"]\n[slurm]\ntime = "\\n#SBATCH x"' + DATA,
    "a hexadecimal float": 'max_megapixels = 0x1p3\nvariants = ["none"]' + DATA,
    "a million comments": "#" * 1_000_000,
    "carriage returns": 'variants = ["none"]\r[[datasets]]\rfolder = "."\r',
    "a negative scale": 'variants = ["none@x-2-bicubic"]' + DATA,
    "a scale of a billion": 'variants = ["none@x1000000000-bicubic"]' + DATA,
    "many quotation marks": 'variants = ["' + '\\"' * 100_000 + '"]' + DATA,
    "digits of Arabic": 'variants = ["webp-q\u0665"]' + DATA,
    "many patterns": "variants = [" + ", ".join(['"webp-q{1..100}@x{2..99}-bicubic"'] * 3) + "]" + DATA,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_plan_costs_one_sentence_at_once(tmp_path: Path, name: str) -> None:
    started = time.process_time()
    with pytest.raises(PlanError) as found:
        parse_run_plan(HOSTILE[name], tmp_path / "plan.toml")
    assert time.process_time() - started < at_most(2)
    assert len(str(found.value).splitlines()) == 1 and len(str(found.value)) < 1500


def test_ordinary_texts_with_dots_brackets_and_digits_are_no_attack(tmp_path: Path) -> None:
    text = (
        "# " + "a." * 100 + "[" * 100 + "9" * 100 + '\nname = "fine"  # [[[\nvariants = ["webp-q{10..30..10}"]\n'
        'metrics = [\'psnr_rgb\']\n[[datasets]]\nfolder = "."\nname = """a"""\n'
        'images = ["' + "a." * 60 + '", "' + "[" * 60 + '", "' + "1" * 60 + "\", '" + '"' + "']\n"
    )
    assert len(parse_run_plan(text, tmp_path / "plan.toml").variants) == 3


def test_a_plan_on_a_device_or_pipe_or_without_end_is_refused(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * (2**20 + 1))
    for path in (Path("/dev/zero"), tmp_path / "pipe.toml", tmp_path / "large.toml", tmp_path):
        with pytest.raises(PlanError, match="cannot be read as a plan"):
            read_text(path)
    with pytest.raises(PlanError):
        read_run_plan(Path("/dev/zero"))


def test_ten_thousand_variants_are_checked_in_seconds(tmp_path: Path) -> None:
    text = 'variants = ["{webp,jpeg,jxl,avif}-q{10..90..2}@x{2..8}-{bicubic,lanczos,fsr1}"]' + DATA
    started = time.process_time()
    plan = parse_run_plan(text, tmp_path / "plan.toml")
    assert len(plan.variants) == 4 * 41 * 7 * 3
    assert time.process_time() - started < at_most(5)


@pytest.mark.parametrize("pattern", ["{" * 100_000, "{a,b" * 300, "{1..2" * 300, "a{b", "}", "{}", "{a}", "{1..}"])
def test_odd_braces_are_refused(pattern: str) -> None:
    with pytest.raises(PlanError):
        expand_braces(pattern)


MODEL = '[data.d]\ngenerated = 3\n[[model]]\nid = "m"\ndata = "d"\nsteps = 1\nquality = 4\n'


@pytest.mark.parametrize(
    "line",
    [
        *("lr = nan", "lr = inf", "lr = -1", "lr = 0", "seed = -1", "seed = 18446744073709551616", "batch = 0"),
        *("batch = 1000000000", "N = 0", "N = 100000", "M = 99999999999999999999", "validation_crops = 1000000000"),
        *("patch = 1048576", "warmup = -5", "warmup = 99999999999", "ema = 1", "clip = nan", "clean = 2"),
        *("steps = 1e3", "steps = 99999999999999", "lmbda = -1", "quality = 9", 'id = "../x"', 'data = "absent"'),
    ],
)
def test_a_setting_out_of_its_range_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "plan.toml"
    key = line.split(" ")[0]
    lines = [old for old in MODEL.splitlines() if not old.startswith(f"{key} =")]
    path.write_text("\n".join([*lines, line]) + "\n")
    with pytest.raises(PlanError, match=key) as found:
        read_training_plan(path)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("line", ["channels = 0", "channels = 1000000", "groups = 500", "blocks = 0", "reduction = 64"])
def test_a_network_out_of_its_range_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(MODEL.replace("quality = 4\n", f'task = "super-resolution"\narchitecture = "rcan"\n{line}\n'))
    with pytest.raises(PlanError, match=line.split(" ")[0]):
        read_training_plan(path)


def test_a_million_keys_stay_within_memory(tmp_path: Path) -> None:
    """Under a limit on the address space: the reader's own protection is what is tried."""
    program = f"""
import resource, sys
sys.path.insert(0, {str(PROJECT_ROOT)!r})
from pathlib import Path
from synthcomp_core.batch.plan import parse_run_plan
from synthcomp_core.errors import PlanError
from tests.peak import peak_bytes
before = peak_bytes()
for text in (".".join("a" * 500_000) + " = 1", "\\n".join(f"k{{i}}.a.b.c.d = {{i}}" for i in range(60_000))):
    try:
        parse_run_plan(text, Path("plan.toml"))
    except PlanError as error:
        assert chr(10) not in str(error)
print((peak_bytes() - before) // 2**20)
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) < 300
