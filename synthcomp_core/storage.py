"""Where artifacts lie, names that become paths, and writing files whole or not at all."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_data_path

from synthcomp_core.errors import SynthcompError

# The one rule for names, of runs, data sets and the like, that become folders.
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
NAME_FORM = 'at most 80 letters, digits, ".", "_" and "-", beginning with a letter or digit'
_UNSAFE = re.compile(r"[^A-Za-z0-9._@+-]+")
_MAX_NAME = 100
PROJECT_ROOT = Path(__file__).resolve().parent.parent


def is_checkout() -> bool:
    """Whether the package runs from a clone of the repository (also when installed with ``pip install -e``)."""
    return (PROJECT_ROOT / "app.py").is_file() and (PROJECT_ROOT / "pyproject.toml").is_file()


def artifacts_dir() -> Path:
    """The artifacts folder, which may not exist yet; the first of these that applies.

    1. ``$SYNTHCOMP_ARTIFACTS``, when set;
    2. ``artifacts/`` of the clone that the package runs from;
    3. ``artifacts/`` in the current folder, if it exists: an installed package used inside a clone or a project;
    4. the user's data folder for synthcomp (on Linux ``~/.local/share/synthcomp``).
    """
    if named := os.environ.get("SYNTHCOMP_ARTIFACTS"):
        return Path(named)
    if is_checkout():
        return PROJECT_ROOT / "artifacts"
    here = Path.cwd() / "artifacts"
    return here if here.is_dir() else user_data_path("synthcomp", appauthor=False)


def runs_dir() -> Path:
    """The folder of batch runs and trainings."""
    return artifacts_dir() / "runs"


def project_relative(path: Path) -> str:
    """``path`` relative to the project where it lies inside, else as it is; with forward slashes, for commands."""
    return (path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path).as_posix()


def safe_name(text: str) -> str:
    """``text`` as part of a file name on any system: letters, digits and ._@+- only, never empty or hidden.

    >>> safe_name("GTA+ night/rain (4K)")
    'GTA+-night-rain-4K'
    >>> safe_name("...")
    'unnamed'
    """
    return _UNSAFE.sub("-", text).strip(".-")[:_MAX_NAME] or "unnamed"


def check_name(text: str, what: str) -> str:
    """``text`` itself when it can name a folder on any system, else SynthcompError saying so of ``what``.

    >>> check_name("My-Frames", "The data set's name")
    'My-Frames'
    >>> check_name("my frames", "The data set's name")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    synthcomp_core.errors.SynthcompError: The data set's name 'my frames' is not usable as a name: expected ...
    """
    if not NAME_PATTERN.fullmatch(text):
        raise SynthcompError(f"{what} {text!r} is not usable as a name: expected {NAME_FORM}.")
    return text


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path in the folder of ``path``, renamed to it when the block ends without an error.

    The folder is made when missing. After an error the temporary file is removed and ``path`` is as before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes the file private; a result is as readable as any other new file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write ``content`` to ``path`` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))
