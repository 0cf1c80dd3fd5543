"""Tiles of an image and its latents: what is searched at once, with the surroundings that it depends on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from synthcomp_core.codecs.phases import LATENT_STRIDE

# Latents per side of a tile: a search in a tile with its halo takes some 500 MiB at N = 64.
_TILE = 32
_HALO = 4  # Latents around it: those that g_s and the context reach, and one of z.
_HYPER = 4  # latents per hyper-latent


@dataclass(frozen=True)
class Tile:
    """Pixels and latents of a tile and its halo, each (1, channels, rows, columns).

    x: the image in 0..1; counted: 1 where it is no padding. y, z: as they stand; z may be absent. inner_y, inner_z: the
    latents that are searched, (1, 1, rows, columns).
    """

    x: Tensor
    counted: Tensor
    y: Tensor
    z: Tensor | None
    inner_y: Tensor
    inner_z: Tensor | None


@dataclass(frozen=True)
class Window:
    """Where a tile lies: rows and columns of latents, multiples of 4, without and with its halo."""

    inner: tuple[slice, slice]
    outer: tuple[slice, slice]


def windows(rows: int, columns: int) -> list[Window]:
    """Tiles of about equal size that cover ``rows`` x ``columns`` latents, both multiples of 4."""
    return [
        Window((row, column), (_widened(row, rows), _widened(column, columns)))
        for row in _parts(rows)
        for column in _parts(columns)
    ]


def cut(window: Window, x: Tensor, counted: Tensor, y: Tensor, z: Tensor | None) -> Tile:
    """The tile of whole tensors (1, channels, ...) at a window."""
    rows, columns = window.outer
    pixels = tuple(_scaled(part, LATENT_STRIDE, 1) for part in window.outer)
    inner_y = torch.zeros((1, 1, rows.stop - rows.start, columns.stop - columns.start), dtype=torch.bool)
    inner_y[:, :, *_shifted(window)] = True
    part_of_z = inner_z = None
    if z is not None:
        part_of_z = z[:, :, *(_scaled(part, 1, _HYPER) for part in window.outer)].clone()
        inner_z = inner_y[:, :, ::_HYPER, ::_HYPER].to(z.device)
    return Tile(
        x=x[:, :, *pixels],
        counted=counted[:, :, *pixels],
        y=y[:, :, rows, columns].clone(),
        z=part_of_z,
        inner_y=inner_y.to(y.device),
        inner_z=inner_z,
    )


def paste(window: Window, found_y: Tensor, found_z: Tensor | None, y: Tensor, z: Tensor | None) -> None:
    """Write the searched part of a tile's latents into the whole."""
    inside = _shifted(window)
    y[:, :, *window.inner] = found_y[:, :, *inside]
    if z is not None and found_z is not None:
        z[:, :, *(_scaled(part, 1, _HYPER) for part in window.inner)] = found_z[
            :, :, *(_scaled(part, 1, _HYPER) for part in inside)
        ]


def _parts(total: int) -> Iterator[slice]:
    count = -(-total // _TILE)
    edges = [total // _HYPER * number // count * _HYPER for number in range(count + 1)]
    return (slice(start, stop) for start, stop in pairwise(edges))


def _widened(part: slice, total: int) -> slice:
    return slice(max(0, part.start - _HALO), min(total, part.stop + _HALO))


def _shifted(window: Window) -> tuple[slice, ...]:
    """The inner part in the coordinates of the outer one."""
    pairs = zip(window.inner, window.outer, strict=True)
    return tuple(slice(inner.start - outer.start, inner.stop - outer.start) for inner, outer in pairs)


def _scaled(part: slice, times: int, over: int) -> slice:
    return slice(part.start * times // over, part.stop * times // over)
