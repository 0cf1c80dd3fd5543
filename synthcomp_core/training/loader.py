"""Random patches from a memory-mapped cache of decoded images, and the crops that validation looks at.

An image is decoded once, into a cache file of raw pixels; a patch is then a copy of a few rows. Which patches
a step sees depends on (seed, step) alone, so that a resumed training sees the same ones without any state, and
processes that share a batch each take their part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthcomp_core.images import Image, read_image
from synthcomp_core.storage import atomic_path, write_text
from synthcomp_core.training.augment import Draw, apply, draw
from synthcomp_core.training.augment import Name as Augmentation

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class PixelCache:
    """Decoded images in one memory-mapped file: pixels (flat uint8), and of each image offset, height, width."""

    pixels: Bytes
    offsets: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def image(self, index: int) -> Bytes:
        """View of image ``index`` as (H, W, 3) uint8."""
        height, width = self.shapes[index]
        start = self.offsets[index]
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)


def open_cache(
    files: list[Path], folder: Path, *, transform: Callable[[Image], Image] | None = None, tag: str = ""
) -> PixelCache:
    """The cache of these image files in ``folder``, decoded now when it is not there yet.

    transform: what to do to each image first; ``tag`` then says what that is. The cache is named after the tag and
    the files' paths, sizes and times, so a changed file makes a new one.
    """
    digest = hashlib.sha256(tag.encode())
    for path in files:
        status = path.stat()
        digest.update(f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    stem = folder / digest.hexdigest()[:16]
    pixels_path, index_path = stem.with_suffix(".pixels"), stem.with_suffix(".json")
    if not index_path.is_file() or not pixels_path.is_file():
        sizes = []
        with atomic_path(pixels_path) as temporary, temporary.open("wb") as file:
            for path in files:
                image = read_image(path).image
                image = np.ascontiguousarray(transform(image) if transform else image)
                sizes.append(image.shape[:2])
                file.write(image.tobytes())
        write_text(index_path, json.dumps(sizes))
    shapes = [(int(height), int(width)) for height, width in json.loads(index_path.read_text())]
    offsets = np.concatenate([[0], np.cumsum([height * width * 3 for height, width in shapes])])
    pixels = np.memmap(pixels_path, dtype=np.uint8, mode="r")
    return PixelCache(pixels, tuple(int(o) for o in offsets[:-1]), tuple(shapes), tuple(path.name for path in files))


@dataclass(frozen=True)
class Places:
    """Where the n samples of a step are cut: the image and the source of each, the row and column in that source, and
    how it is turned, (n, 3): mirrored, upside down, transposed."""

    images: NDArray[np.int64]
    sources: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    turns: NDArray[np.int64]


@dataclass(frozen=True)
class AugmentedPlace:
    """Where one augmented sample is cut: a square of ``side``; whether it is mirrored, and what is done to it then."""

    image: int
    row: int
    column: int
    side: int
    mirrored: bool
    drawn: Draw


@dataclass(frozen=True)
class PatchSampler:
    """Random patches with flips (and quarter turns) from a cache, as a function of the step."""

    cache: PixelCache
    patch: int
    batch: int
    seed: int
    rotate: bool = False
    augment: tuple[Augmentation, ...] = ()

    def patches(self, step: int, *, rank: int = 0, world: int = 1) -> Bytes:
        """The part of process ``rank`` of ``world`` of the step's batch, (B / world, patch, patch, 3) uint8."""
        if self.augment:
            share = self.batch // world
            return np.stack([self._augmented(step, rank * share + slot) for slot in range(share)])
        return self.paired(step, [self.cache], scale=1, rank=rank, world=world)[0]

    def _augmented(self, step: int, sample: int) -> Bytes:
        """One patch, flipped like any other and augmented."""
        place = self.augmented_place(step, sample)
        image = self.cache.image(place.image)
        piece = image[place.row : place.row + place.side, place.column : place.column + place.side]
        return apply(piece[:, ::-1] if place.mirrored else piece, place.drawn, self.patch)

    def augmented_place(self, step: int, sample: int) -> AugmentedPlace:
        """Where a sample is cut, and what is done to it; what is drawn depends on seed, step and sample alone."""
        generator = np.random.default_rng((self.seed, step, sample))
        index = int(generator.integers(len(self.cache)))
        shape = self.cache.shapes[index]
        drawn = draw(self.augment, generator)
        side = min(round(self.patch * drawn.zoom), *shape)
        row, column = (int(generator.random() * (length - side + 1)) for length in shape)
        return AugmentedPlace(index, row, column, side, bool(generator.random() < 0.5), drawn)

    def paired(
        self, step: int, inputs: list[PixelCache], *, scale: int, rank: int = 0, world: int = 1, first: float = 0.0
    ) -> tuple[Bytes, Bytes]:
        """Patches of the cache and the same places of one of ``inputs`` (smaller by ``scale``), drawn for each sample.

        (B / world, patch, patch, 3) and (B / world, patch / scale, patch / scale, 3) uint8. first: the share of
        samples that take ``inputs[0]``; the others take one of the rest, each as often.
        """
        places = self.places(step, inputs, scale=scale, rank=rank, world=world, first=first)
        share, small = len(places.images), self.patch // scale
        targets = np.empty((share, self.patch, self.patch, 3), np.uint8)
        sources = np.empty((share, small, small, 3), np.uint8)
        for slot in range(share):
            index, row, column = int(places.images[slot]), int(places.rows[slot]), int(places.columns[slot])
            source, turn = inputs[places.sources[slot]], places.turns[slot]
            sources[slot] = _turned(source.image(index), row, column, small, turn)
            targets[slot] = _turned(self.cache.image(index), row * scale, column * scale, self.patch, turn)
        return targets, sources

    def places(
        self, step: int, inputs: list[PixelCache], *, scale: int, rank: int = 0, world: int = 1, first: float = 0.0
    ) -> Places:
        """Where :meth:`paired` cuts."""
        generator = np.random.default_rng((self.seed, step))
        indices = generator.integers(len(self.cache), size=self.batch)
        places = generator.random((self.batch, 2))
        turns = generator.integers(0, 2, size=(self.batch, 4))
        choices = generator.random(self.batch)
        share, small = self.batch // world, self.patch // scale
        samples = slice(rank * share, (rank + 1) * share)
        images = indices[samples]
        sources = np.array([_choose(float(choice), len(inputs), first) for choice in choices[samples]])
        sizes = np.array([inputs[source].shapes[index] for source, index in zip(sources, images, strict=True)])
        corners = (places[samples] * (sizes - small + 1)).astype(np.int64)
        kept = turns[samples, :3] if self.rotate else turns[samples, :3] * (1, 0, 0)
        return Places(images, sources, corners[:, 0], corners[:, 1], kept)


def _choose(value: float, count: int, first: float) -> int:
    """Index of ``count``: 0 for a share ``first`` of values in [0, 1), the others with equal shares."""
    if count == 1 or value < first:
        return 0
    return 1 + min(count - 2, int((value - first) / (1 - first) * (count - 1)))


def _turned(image: Bytes, row: int, column: int, side: int, turn: NDArray[np.int64]) -> Bytes:
    piece = image[row : row + side, column : column + side]
    if turn[0]:
        piece = piece[:, ::-1]
    if turn[1]:
        piece = piece[::-1]
    return piece.transpose(1, 0, 2) if turn[2] else piece


def validation_crops(cache: PixelCache, *, side: int, per_image: int, seed: int = 0, first: int | None = None) -> Bytes:
    """Fixed crops spread over the images, or the ``first`` of them: (images * per_image, side, side, 3) uint8."""
    generator = np.random.default_rng(seed)
    crops = []
    for index in range(len(cache))[:first]:
        image = cache.image(index)
        for place in generator.random((per_image, 2)):
            row = int(place[0] * (image.shape[0] - side + 1))
            column = int(place[1] * (image.shape[1] - side + 1))
            crops.append(image[row : row + side, column : column + side])
    return np.stack(crops)


def to_tensor(patches: Bytes) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32 in [0, 1], channels last in memory."""
    return as_floats(torch.from_numpy(patches))


def as_floats(patches: Tensor) -> Tensor:
    """As :func:`to_tensor`, on the device where the patches are."""
    return patches.permute(0, 3, 1, 2).to(torch.float32).div_(255)
