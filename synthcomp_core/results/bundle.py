"""Images and their results as one zip, with a manifest of what is in it and the hashes of all files."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from synthcomp_core.results.rows import ResultRow, rows_to_csv
from synthcomp_core.storage import safe_name

# Zip files contain times; with a fixed one the same images make the same file.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ImageFile:
    """An image to be packed: its label, its PNG file as shown on the page, and the variant that made it."""

    label: str
    png: bytes
    variant: str = ""


def images_zip(
    images: Sequence[ImageFile], rows: Sequence[ResultRow], *, image: str, commands: Sequence[str] = ()
) -> bytes:
    """A zip of the images, ``results.csv``, and ``manifest.json`` with the SHA-256 of every other file.

    The file names begin with the number that the image has in the viewer, if the images are in its order, from 1 on.
    image: the name of the reference, for the manifest. commands: those that make the images again. The same arguments
    always make the same bytes.
    """
    files: dict[str, bytes] = {}
    described = []
    for number, file in enumerate(images, start=1):
        name = f"{number}-{safe_name(file.variant or file.label)}.png"
        files[name] = file.png
        described.append({"file": name, "label": file.label, "variant": file.variant or None})
    files["results.csv"] = rows_to_csv(rows).encode("utf-8")
    manifest = {
        "image": image,
        "images": described,
        "commands": list(commands),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files["manifest.json"] = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.external_attr = 0o644 << 16
            # A PNG does not get smaller.
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return packed.getvalue()
