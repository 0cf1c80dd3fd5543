"""Where artifacts lie, names that become paths, and writing files whole or not at all."""

import errno
import hashlib
import io
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
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


def typed_path(text: str) -> Path:
    """The path that a person typed, "~" and "~NAME" as in a shell; SynthcompError where no such home is known.

    >>> typed_path("frames/night").as_posix()
    'frames/night'
    >>> typed_path("~no-such-user/frames")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    synthcomp_core.errors.SynthcompError: ~no-such-user/frames cannot be found: there is no such home folder; ...
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SynthcompError(
            f"{text[:300]} cannot be found: there is no such home folder; type the whole path."
        ) from error


def safe_name(text: str) -> str:
    """``text`` as part of a file name on any system: letters, digits and ._@+- only, never empty or hidden.

    >>> safe_name("GTA+ night/rain (4K)")
    'GTA+-night-rain-4K'
    >>> safe_name("...")
    'unnamed'
    """
    return _UNSAFE.sub("-", text).strip(".-")[:_MAX_NAME] or "unnamed"


def last_part(text: str) -> str:
    """The file's own name in a name that may be a path on any system: what an upload is called, whatever it says.

    >>> last_part("../../frames/frame.png"), last_part("C:\\\\frames\\\\frame.png"), last_part("..")
    ('frame.png', 'frame.png', 'unnamed')
    """
    name = re.split(r"[/\\:]", text.replace("\0", ""))[-1].strip()
    return name if name.strip(".") else "unnamed"


def own_name(path: Path) -> str:
    """What a file or folder is called, also where it is given as "." or ".."; the root of a disk is called nothing."""
    return path.resolve().name if path.name in ("", "..") else path.name


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


def is_inside(path: Path, folder: Path) -> bool:
    """Whether ``path`` lies in ``folder`` once links and ".." are followed; it need not exist."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # A circle of links, a NUL
        return False


def folders_below(folder: Path, *, most: int) -> Iterator[tuple[Path, list[str], list[str]]]:
    """(path, names of its folders, names of its other entries) of a folder and all below it, from the top.

    Links to folders are not followed; names that the caller takes out of the first list are not visited. SynthcompError
    for the root of a disk, and after ``most`` folders: what was meant is a folder of it.
    """
    if folder.resolve().parent == folder.resolve():
        raise SynthcompError(f"{folder} is a whole disk, which is not searched; name the folder that is meant.")
    for number, (here, folders, files) in enumerate(os.walk(folder)):
        if number >= most:
            raise SynthcompError(
                f"{str(folder)[:300]} has more than {most:,} folders, too many to be searched; name the one meant."
            )
        yield Path(here), folders, files


@contextmanager
def open_file(path: Path, *, max_bytes: int | None = None) -> Iterator[io.BufferedReader]:
    """A file open for reading, which is a file: a pipe or device, on which reading may wait for ever, is an OSError.

    max_bytes: an OSError too for a larger file. ``strerror`` of each completes "... cannot be read: ".
    """
    # Opening a pipe without O_NONBLOCK would wait for somebody to write to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, "its name holds a zero byte", str(path)) from error
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
        if max_bytes is not None and found.st_size > max_bytes:
            raise _too_large(path, found.st_size, max_bytes)
        yield file


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; no for a name that no system can hold, where Path.is_dir raises OSError."""
    try:
        return path.is_dir()
    except OSError:
        return False


def exists(path: Path) -> bool:
    """Whether there is anything of this name; no for a name that no system can hold."""
    try:
        return path.exists()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether there is such a file; no for a name that no system can hold, where Path.is_file raises OSError."""
    try:
        return path.is_file()
    except OSError:
        return False


def link_to(target: Path, link: Path) -> Path:
    """Make ``link`` lead to a file or folder, and return it; SynthcompError when its name leads elsewhere already."""
    if link.is_symlink() and link.resolve() == target.resolve():
        return link
    if link.exists() or link.is_symlink():
        raise SynthcompError(f"{link.name} is taken by {link.resolve()}; rename one of them.")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target.resolve(), target_is_directory=target.is_dir())
    return link


def is_same(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file or folder, by whatever names and links; no where either does not exist."""
    try:
        return first.samefile(second)
    except (OSError, ValueError):
        return False


def check_outputs(sources: Path | Iterable[Path], *outputs: Path | None) -> None:
    """Before the work: SynthcompError where a file to write is one that is read, or is to be written twice.

    sources: the file that is read, or all of them. OSError as :func:`check_writable`.
    """
    read = [sources] if isinstance(sources, Path) else list(sources)
    given = [out for out in outputs if out is not None]
    for number, out in enumerate(given):
        if exists(out) and any(is_same(out, source) for source in read):
            raise SynthcompError(f"{out} would be overwritten by what is made of it; give another file to write.")
        if any(_are_one(out, other) for other in given[:number]):
            raise SynthcompError(
                f"{out} would be written twice, and only the last would be kept; give each output its own file."
            )
        check_writable(out)


def _are_one(path: Path, other: Path) -> bool:
    """Whether two paths, which need not exist, lead to one place."""
    try:
        return is_same(path, other) or path.resolve() == other.resolve()
    except (OSError, ValueError, RuntimeError):  # A circle of links, a NUL
        return False


def check_writable(path: Path) -> None:
    """OSError where :func:`atomic_path` could not write a file, as far as that can be told without writing."""
    _check_replaceable(path)
    folder = next(parent for parent in path.absolute().parents if exists(parent))
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _check_replaceable(path: Path) -> None:
    if exists(path) and not path.is_file():
        what = "it is a folder" if path.is_dir() else "it is a pipe or a device"
        raise OSError(errno.EINVAL, f"{what}, not a file", str(path))


def read_file(path: Path, *, max_bytes: int) -> bytes:
    """The bytes of a file; OSError as :func:`open_file`, before they are read if there are more than ``max_bytes``."""
    with open_file(path, max_bytes=max_bytes) as file:
        content = file.read(max_bytes + 1)  # It may have grown, and files of /proc have no size.
    if len(content) > max_bytes:
        raise _too_large(path, len(content), max_bytes)
    return content


def _too_large(path: Path, num_bytes: int, max_bytes: int) -> OSError:
    return OSError(errno.EFBIG, f"it has {num_bytes:,} bytes, and at most {max_bytes:,} are read", str(path))


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path in the folder of ``path``, renamed to it when the block ends without an error.

    The folder is made when missing. After an error the temporary file is removed and ``path`` is as before. OSError for
    a folder, and for a pipe or device, which would be replaced by a file.
    """
    _check_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        error.filename = str(path)  # Nobody knows the temporary file.
        raise
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
    """Write ``content`` to ``path`` as UTF-8, whole or not at all.

    SynthcompError for a name of a file in it that is not UTF-8, as it may be on Linux.
    """
    try:
        encoded = content.encode("utf-8")
    except UnicodeEncodeError as error:
        start = max(content.rfind(mark, 0, error.start) for mark in '\n",/') + 1
        raise SynthcompError(
            f"{path.name} cannot be written: it would name {content[start : error.end][-100:]!r}..., which is not "
            "UTF-8; rename that file or folder."
        ) from None
    write_bytes(path, encoded)
