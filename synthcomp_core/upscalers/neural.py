"""Neural upscalers: EDSR, RCAN and what else spandrel can load, as snapshots, on images of any size.

A network's own scale is followed by an exact resize to the size asked for. RCAN runs through :mod:`.rcan`; any
other network through spandrel's own call. What does not fit the memory budget goes in overlapping tiles.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from synthcomp_core.errors import SnapshotError, reason_of
from synthcomp_core.images import Image, check_image, resize
from synthcomp_core.library.snapshots import (
    WEIGHTS_ERRORS,
    SnapshotCard,
    check_id,
    find_snapshot,
    load_snapshot,
    save_snapshot,
)
from synthcomp_core.metrics.psnr import decibels
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.runtime import Arithmetic, Precision, ensure_torchvision, torch_device
from synthcomp_core.upscalers.edsr import in_edsr_layout, is_edsr, load_edsr
from synthcomp_core.upscalers.positions import check_target
from synthcomp_core.upscalers.rcan import RcanForward
from synthcomp_core.upscalers.tiling import FADE, FloatImage, TilePlan, plan_tiles, run_tiled

DEFAULT_MEMORY_BYTES = 2**30  # for feature maps; less where less is free
MAX_MARGIN = 32  # input pixels around a seam: what lies further away moves a pixel by less than a grey level
_HALF_FROM = 1024  # tensors with fewer values stay in float32: biases and mean shifts save no room
_HALF_FROM_PARAMETERS = 500_000  # and so do networks of under 2 MB: float16 would cost digits for nothing
_MAX_COST_DB = 0.02  # what bfloat16 may take off the PSNR of the probe picture
_TRIAL_SIDE = 8
_PROBE_SIDE = 48  # of the input; the native probe is larger by the network's scale

_loading = threading.RLock()
_loaded: dict[tuple[str, str, str, str], NeuralUpscaler] = {}


class NeuralUpscaler:
    """An Upscaler (see the package) that runs a network; made by :func:`load_upscaler`.

    scale: the network's own, per side. arithmetic: what its body computes in, and where.
    """

    def __init__(
        self,
        card: SnapshotCard,
        forward: RcanForward | _SpandrelForward,
        *,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
    ) -> None:
        self.id = card.id
        self.card = card
        self.scale = forward.scale
        self.arithmetic = Arithmetic.of(forward.dtype, forward.device)
        self.memory_bytes = memory_bytes
        self._forward = forward

    def plan(self, width: int, height: int) -> TilePlan:
        """The tiles that an image of this size goes in: one where the memory allows it."""
        budget = min(self.memory_bytes, _free_bytes() // 2)
        max_pixels = max(1, budget // self._forward.bytes_per_pixel)
        margin = min(self._forward.receptive_radius + FADE // 2, MAX_MARGIN)
        return plan_tiles(width, height, max_pixels=max_pixels, margin=margin)

    def enlarge(self, picture: FloatImage, *, on_progress: OnProgress = silent) -> FloatImage:
        """The network's own output, (H * scale, W * scale, 3) float32, for an (H, W, 3) picture in [0, 255]."""
        height, width = picture.shape[:2]

        def run(tile: FloatImage, report: OnProgress) -> FloatImage:
            tensor = torch.from_numpy(np.array(tile, np.float32)).permute(2, 0, 1)[None]
            out = self._forward(tensor, report)
            return out[0].permute(1, 2, 0).float().cpu().numpy()

        return run_tiled(run, picture, self.plan(width, height), self.scale, on_progress)

    def upscale(self, image: Image, size: tuple[int, int], *, on_progress: OnProgress = silent) -> Image:
        """The (H, W, 3) uint8 image at ``size`` = (width, height): the network's scale, then bicubic to the size."""
        check_image(image)
        check_target(size)
        on_progress(0.0, self.id)
        enlarged = self.enlarge(image.astype(np.float32), on_progress=span(on_progress, 0.0, 0.98))
        rounded = np.floor(np.clip(enlarged, 0, 255) + 0.5).astype(np.uint8)
        resized = resize(rounded, size, method="bicubic")
        on_progress(1.0, self.id)
        return resized


class _SpandrelForward:
    """Any network that spandrel knows, called through its descriptor; the interface of RcanForward."""

    def __init__(self, descriptor: Any, *, dtype: torch.dtype, device: torch.device) -> None:
        self._descriptor = descriptor.to(device=device, dtype=dtype).eval()
        self.dtype, self.device = dtype, device
        self.scale = int(self._descriptor.scale)
        self.receptive_radius = _receptive_radius(self._descriptor.model)
        self.bytes_per_pixel = self._measure_bytes_per_pixel()

    def __call__(self, pixels: torch.Tensor, on_progress: OnProgress) -> torch.Tensor:
        on_progress(0.0, self._descriptor.architecture.name)
        with torch.inference_mode():
            enlarged: torch.Tensor = self._descriptor((pixels / 255).to(self.device, self.dtype)).float() * 255
        return enlarged

    def _measure_bytes_per_pixel(self) -> int:
        """Three times the largest pair of a layer's input and output, seen on a small picture."""
        largest = 0

        def watch(_: torch.nn.Module, inputs: tuple[object, ...], output: object) -> None:
            nonlocal largest
            tensors = [value for value in (*inputs, output) if isinstance(value, torch.Tensor)]
            largest = max(largest, sum(tensor.numel() * tensor.element_size() for tensor in tensors))

        handles = [module.register_forward_hook(watch) for module in self._descriptor.model.modules()]
        try:
            self(torch.zeros(1, 3, 64, 64), silent)
        finally:
            for handle in handles:
                handle.remove()
        return max(1, 3 * largest // 64**2)


def import_upscaler(
    state_dict: dict[str, torch.Tensor],
    *,
    id: str,
    trained_on: str | None = None,
    steps: int | None = None,
    half: bool = True,
    path: Path | None = None,
    validation_psnr: float | None = None,
    source: str | None = None,
    licence: str | None = None,
    notes: str | None = None,
    training_s: float | None = None,
    training_device: str | None = None,
) -> SnapshotCard:
    """Store an upscaler's weights as the snapshot ``id`` and return its card: architecture, scale, parameters.

    state_dict: of an EDSR or RCAN in EDSR-PyTorch's or BasicSR's layout, or of any other RGB network that spandrel
    recognises.
    half: store the large tensors in float16, of networks with at least half a million parameters. path: a file other
    than the snapshots folder's. SnapshotError for weights of an unknown network, or of one that does not turn an RGB
    image into an RGB image.
    """
    check_id(id)
    state_dict = in_edsr_layout(state_dict)
    descriptor = _describe(state_dict, id)
    parameters = sum(parameter.numel() for parameter in descriptor.model.parameters())
    card = SnapshotCard(
        id=id,
        kind="upscaler",
        architecture=str(descriptor.architecture.id).lower(),
        scale=int(descriptor.scale),
        parameters=parameters,
        trained_on=trained_on,
        steps=steps,
        validation_psnr=validation_psnr,
        source=source,
        licence=licence,
        notes=notes,
        training_s=training_s,
        training_device=training_device,
    )
    half = half and parameters >= _HALF_FROM_PARAMETERS
    tensors = {name: _stored(tensor, half) for name, tensor in state_dict.items()}
    return save_snapshot(card, tensors, path=path)


def load_upscaler(snapshot_id: str, *, precision: str = "auto", device: str | None = None) -> NeuralUpscaler:
    """The network of a snapshot, ready to run; loaded once per process, and again when its file has changed.

    precision: "float32", "bfloat16", or "auto": bfloat16 where the processor has it and it costs less than 0.02 dB
    on a small probe picture.
    device: "cpu", "cuda", None = a GPU if there is one. SnapshotError when missing, damaged or no upscaler.
    """
    wanted = Precision.parse(precision)
    place = torch_device(device)
    with _loading:
        card = find_snapshot(snapshot_id)
        if card.kind != "upscaler":
            raise SnapshotError(f"Snapshot {snapshot_id} is a {card.kind}, not an upscaler.")
        key = (snapshot_id, card.sha256, wanted, str(place))
        if key not in _loaded:
            card, tensors = load_snapshot(snapshot_id)
            try:
                forward = _forward({name: tensor.float() for name, tensor in tensors.items()}, card, wanted, place)
            except WEIGHTS_ERRORS as error:
                raise error if isinstance(error, SnapshotError) else _unfit(snapshot_id, error) from error
            _loaded[key] = NeuralUpscaler(card, _tried(forward, card))
        return _loaded[key]


def build_upscaler(
    state_dict: dict[str, torch.Tensor], *, precision: str = "float32", device: str = "cpu", id: str = "unsaved"
) -> NeuralUpscaler:
    """An upscaler straight from weights, without a snapshot: for training's validation and for benchmarks."""
    state_dict = in_edsr_layout(state_dict)
    descriptor = _describe(state_dict, id)
    card = SnapshotCard(id=id, kind="upscaler", architecture=str(descriptor.architecture.id).lower())
    return NeuralUpscaler(card, _forward(state_dict, card, Precision.parse(precision), torch_device(device)))


def plain_upscaler(
    state_dict: dict[str, torch.Tensor], *, device: str = "cpu"
) -> Callable[[Image, tuple[int, int]], Image]:
    """The network run whole, in float32 and PyTorch's default layout, as EDSR-PyTorch runs it: a peer for ``bench``."""
    descriptor = _describe(state_dict, "peer")
    place = torch_device(device)
    model = descriptor.model.float().eval().to(place)

    def upscale(image: Image, size: tuple[int, int]) -> Image:
        pixels = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous().to(place)
        with torch.inference_mode():
            enlarged = model(pixels)[0].permute(1, 2, 0).cpu().numpy() * 255
        return resize(np.floor(np.clip(enlarged, 0, 255) + 0.5).astype(np.uint8), size, method="bicubic")

    return upscale


def _describe(state_dict: dict[str, torch.Tensor], snapshot_id: str) -> Any:
    """spandrel's descriptor of the network; SnapshotError unless it maps RGB images to RGB images."""
    ensure_torchvision()
    import spandrel

    if is_edsr(state_dict):
        return load_edsr(state_dict)
    try:
        # A copy, as spandrel takes the dict apart.
        descriptor = spandrel.ModelLoader().load_from_state_dict(dict(state_dict))
    except spandrel.UnsupportedModelError:
        raise SnapshotError(
            f"The weights for {snapshot_id} are of no codec and of no upscaler that is known (EDSR, RCAN, SwinIR and "
            "what else spandrel reads); check that the file is a checkpoint of one."
        ) from None
    except WEIGHTS_ERRORS as error:
        raise _unfit(snapshot_id, error) from error
    colours = (descriptor.input_channels, descriptor.output_channels)
    if not isinstance(descriptor, spandrel.ImageModelDescriptor) or colours != (3, 3):
        raise SnapshotError(
            f"The weights for {snapshot_id} are a {descriptor.architecture.name} with {colours[0]} input and "
            f"{colours[1]} output channels; an upscaler turns an RGB image into an RGB image."
        )
    return descriptor


def _unfit(snapshot_id: str, error: BaseException) -> SnapshotError:
    return SnapshotError(f"The weights for {snapshot_id} do not fit their architecture ({reason_of(error)}).")


def _tried(forward: RcanForward | _SpandrelForward, card: SnapshotCard) -> RcanForward | _SpandrelForward:
    """The network itself, once it has enlarged a tiny image by the card's scale; SnapshotError when it cannot."""
    side = _TRIAL_SIDE * forward.scale
    try:
        shape = tuple(forward(torch.zeros(1, 3, _TRIAL_SIDE, _TRIAL_SIDE), silent).shape)
    except WEIGHTS_ERRORS as error:
        raise _unfit(card.id, error) from error
    if shape != (1, 3, side, side) or card.scale not in (None, forward.scale):
        raise SnapshotError(
            f"The weights for {card.id} enlarge by {forward.scale}, but the card says {card.scale}; import them again."
        )
    return forward


def _forward(
    state_dict: dict[str, torch.Tensor], card: SnapshotCard, precision: Precision, device: torch.device
) -> RcanForward | _SpandrelForward:
    def build(dtype: torch.dtype) -> RcanForward | _SpandrelForward:
        descriptor = _describe(state_dict, card.id)
        model = descriptor.model
        # RCAN-it's variant unshuffles first; its few users can do with the general way.
        if descriptor.architecture.id == "RCAN" and getattr(model, "downscale_factor", 1) == 1:
            return RcanForward(model, dtype=dtype, device=device)
        return _SpandrelForward(descriptor, dtype=dtype, device=device)

    if precision is Precision.FLOAT32:
        return build(torch.float32)
    if precision is Precision.BFLOAT16:
        return build(torch.bfloat16)
    exact = build(torch.float32)
    if not _has_fast_bfloat16(device):
        return exact
    fast = build(torch.bfloat16)
    native = _probe_picture(_PROBE_SIDE * exact.scale)
    low = torch.from_numpy(resize(native, (_PROBE_SIDE, _PROBE_SIDE)).astype(np.float32)).permute(2, 0, 1)[None]
    cost_db = _psnr(native, exact(low, silent)) - _psnr(native, fast(low, silent))
    return fast if cost_db < _MAX_COST_DB else exact


def _psnr(native: Image, output: torch.Tensor) -> float:
    """Of an output that is not rounded to 8 bits: rounding would hide, or blow up, what arithmetic costs."""
    picture = output[0].permute(1, 2, 0).clip(0, 255).cpu().numpy().astype(np.float64)
    return decibels(max(1e-9, float(np.mean((picture - native) ** 2))))


def _probe_picture(side: int) -> Image:
    """(side, side, 3) with gradients, a bright disc, stripes and a little noise, the same every time."""
    y, x = np.mgrid[0:side, 0:side] / side
    disc = np.clip((0.25 - np.hypot(x - 0.6, y - 0.4)) * side / 2, 0, 1) * 120.0
    stripes = np.clip(np.sin(40 * x + 25 * y) * 3, 0, 1) * (y > 0.7) * 90.0
    noise = np.random.default_rng(0).normal(0, 3, (side, side, 3))
    base = np.stack([60 + 110 * x, 50 + 120 * y, 140 - 80 * x * y], -1)
    picture: Image = np.clip(base + (disc + stripes)[..., None] + noise, 0, 255).astype(np.uint8)
    return picture


def _has_fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    supported: list[Callable[[], bool]] = [
        getattr(torch.cpu, name)
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        if hasattr(torch.cpu, name)
    ]
    return any(check() for check in supported)


def _receptive_radius(model: torch.nn.Module) -> int:
    """An upper bound in input pixels: all convolutions in a row, at the input's resolution."""
    return sum(
        module.dilation[0] * (module.kernel_size[0] - 1) // 2
        for module in model.modules()
        if isinstance(module, torch.nn.Conv2d)
    )


def _stored(tensor: torch.Tensor, half: bool) -> torch.Tensor:
    large = tensor.is_floating_point() and tensor.numel() >= _HALF_FROM
    fits = large and float(tensor.abs().max()) < torch.finfo(torch.float16).max
    return tensor.to(torch.float16) if half and fits else tensor.clone()


def _free_bytes() -> int:
    """Bytes that can be had, what the system keeps of files only while nobody needs it included."""
    with suppress(OSError):  # Only Linux has this file.
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 4 * DEFAULT_MEMORY_BYTES
