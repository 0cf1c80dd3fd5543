"""The tensors that a codec snapshot holds: names and shapes follow from architecture, N and M (CompressAI's classes).

A table instead of CompressAI's classes, so that a file is checked before anything is allocated or imported for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from synthcomp_core.library.json_records import JsonError
from synthcomp_core.library.snapshot_file import TensorEntry

Shapes = dict[str, tuple[int, ...]]

PRIOR_PREFIX = "integer_prior."
PRIOR_LONGEST = 2051  # Symbols -1024 .. 1024 and the escape (codecs/entropy/prior.py)
_DENSITY_FILTERS = (1, 3, 3, 3, 3, 1)  # of CompressAI's EntropyBottleneck


def codec_shapes(architecture: str, N: int, M: int) -> Shapes | None:
    """Names and shapes of CompressAI's parameters; None for an architecture that is not one of them.

    >>> codec_shapes("mbt2018", 64, 192)["context_prediction.weight"]
    (384, 192, 5, 5)
    """
    if architecture.startswith("cheng2020-"):
        M = N
    build = _ARCHITECTURES.get(architecture)
    return None if build is None else build(N, M)


def prior_channels(architecture: str, N: int, M: int) -> int:
    """How many channels the factorised prior of an architecture codes."""
    return M if architecture.startswith("bmshj2018-factorized") else N


def _bottleneck(channels: int) -> Shapes:
    shapes: Shapes = {"entropy_bottleneck.quantiles": (channels, 1, 3)}
    last = len(_DENSITY_FILTERS) - 2
    for layer in range(last + 1):
        inputs, outputs = _DENSITY_FILTERS[layer : layer + 2]
        shapes[f"entropy_bottleneck.matrices.{layer}"] = (channels, outputs, inputs)
        shapes[f"entropy_bottleneck.biases.{layer}"] = (channels, outputs, 1)
        if layer < last:
            shapes[f"entropy_bottleneck.factors.{layer}"] = (channels, outputs, 1)
    return shapes


def _conv(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs, kernel, kernel), f"{name}.bias": (outputs,)}


def _deconv(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (inputs, outputs, 5, 5), f"{name}.bias": (outputs,)}


def _gdn(name: str, channels: int) -> Shapes:
    return {f"{name}.beta": (channels,), f"{name}.gamma": (channels, channels)}


def _google_transforms(N: int, M: int, *, relu: bool = False) -> Shapes:
    shapes: Shapes = {}
    for index, (inputs, outputs) in zip((0, 2, 4, 6), ((3, N), (N, N), (N, N), (N, M)), strict=True):
        shapes |= _conv(f"g_a.{index}", inputs, outputs, 5)
    for index, (inputs, outputs) in zip((0, 2, 4, 6), ((M, N), (N, N), (N, N), (N, 3)), strict=True):
        shapes |= _deconv(f"g_s.{index}", inputs, outputs)
    for index in () if relu else (1, 3, 5):
        shapes |= _gdn(f"g_a.{index}", N) | _gdn(f"g_s.{index}", N)
    return shapes


def _google_hyper_analysis(N: int, M: int) -> Shapes:
    return _conv("h_a.0", M, N, 3) | _conv("h_a.2", N, N, 5) | _conv("h_a.4", N, N, 5)


def _context(M: int) -> Shapes:
    widths = (M * 12 // 3, M * 10 // 3, M * 8 // 3, M * 6 // 3)
    shapes = _conv("context_prediction", M, 2 * M, 5)
    for index, layer in enumerate((0, 2, 4)):
        shapes |= _conv(f"entropy_parameters.{layer}", widths[index], widths[index + 1], 1)
    return shapes


def _factorized(N: int, M: int) -> Shapes:
    return _bottleneck(M) | _google_transforms(N, M)


def _scale_hyperprior(N: int, M: int) -> Shapes:
    h_s = _deconv("h_s.0", N, N) | _deconv("h_s.2", N, N) | _conv("h_s.4", N, M, 3)
    return _bottleneck(N) | _google_transforms(N, M) | _google_hyper_analysis(N, M) | h_s


def _mean_hyperprior(N: int, M: int) -> Shapes:
    h_s = _deconv("h_s.0", N, M) | _deconv("h_s.2", M, M * 3 // 2) | _conv("h_s.4", M * 3 // 2, 2 * M, 3)
    return _bottleneck(N) | _google_transforms(N, M) | _google_hyper_analysis(N, M) | h_s


def _joint(N: int, M: int) -> Shapes:
    return _mean_hyperprior(N, M) | _context(M)


def _cheng(N: int, attention: bool) -> Shapes:
    analysis = ("down", "same", "down", "[attend]", "same", "down", "same", "half", "[attend]")
    synthesis = ("[attend]", "same", "up", "same", "up", "[attend]", "same", "up", "same", "pixels")
    shapes = _bottleneck(N) | _context(N)
    for prefix, kinds in (("g_a", analysis), ("g_s", synthesis)):
        chosen = [kind.strip("[]") for kind in kinds if attention or not kind.startswith("[")]
        for index, kind in enumerate(chosen):
            inputs = 3 if prefix == "g_a" and index == 0 else N
            shapes |= _block(f"{prefix}.{index}", kind, inputs, N)
    for index in (0, 2, 4, 6, 8):
        shapes |= _conv(f"h_a.{index}", N, N, 3)
    wide = N * 3 // 2
    shapes |= _conv("h_s.0", N, N, 3) | _conv("h_s.2.0", N, 4 * N, 3) | _conv("h_s.4", N, wide, 3)
    return shapes | _conv("h_s.6.0", wide, 4 * wide, 3) | _conv("h_s.8", wide, 2 * N, 3)


def _block(name: str, kind: str, inputs: int, N: int) -> Shapes:
    match kind:
        case "half":
            return _conv(name, inputs, N, 3)
        case "pixels":
            return _conv(f"{name}.0", N, 12, 3)
        case "same":
            return _conv(f"{name}.conv1", N, N, 3) | _conv(f"{name}.conv2", N, N, 3)
        case "down":
            both = _conv(f"{name}.conv1", inputs, N, 3) | _conv(f"{name}.conv2", N, N, 3)
            return both | _gdn(f"{name}.gdn", N) | _conv(f"{name}.skip", inputs, N, 1)
        case "up":
            both = _conv(f"{name}.subpel_conv.0", N, 4 * N, 3) | _conv(f"{name}.conv", N, N, 3)
            return both | _gdn(f"{name}.igdn", N) | _conv(f"{name}.upsample.0", N, 4 * N, 3)
        case _:
            return _attention(name, N)


def _attention(name: str, N: int) -> Shapes:
    half = N // 2
    shapes = _conv(f"{name}.conv_b.3", N, N, 1)
    for unit in (f"{name}.{branch}.{index}.conv" for branch in ("conv_a", "conv_b") for index in range(3)):
        shapes |= _conv(f"{unit}.0", N, half, 1) | _conv(f"{unit}.2", half, half, 3) | _conv(f"{unit}.4", half, N, 1)
    return shapes


_ARCHITECTURES: dict[str, Callable[[int, int], Shapes]] = {
    "bmshj2018-factorized": _factorized,
    "bmshj2018-factorized-relu": lambda N, M: _bottleneck(M) | _google_transforms(N, M, relu=True),
    "bmshj2018-hyperprior": _scale_hyperprior,
    "mbt2018-mean": _mean_hyperprior,
    "mbt2018": _joint,
    "cheng2020-anchor": lambda N, M: _cheng(N, attention=False),
    "cheng2020-attn": lambda N, M: _cheng(N, attention=True),
}


def check_tensors(architecture: str, N: int, M: int, tensors: Mapping[str, TensorEntry]) -> None:
    """JsonError unless these are exactly the tensors of a codec of this architecture, N and M."""
    shapes = codec_shapes(architecture, N, M)
    if shapes is None:
        raise JsonError(f"it is of the unknown architecture {architecture!r}")
    channels = prior_channels(architecture, N, M)
    counts = tensors.get(f"{PRIOR_PREFIX}counts")
    longest = counts.shape[1] if counts is not None and len(counts.shape) == 2 else 0
    expected: dict[str, tuple[tuple[str, ...], tuple[int, ...]]]
    expected = {name: (("F16", "F32"), shape) for name, shape in shapes.items()}
    for part in ("medians", "offsets", "lengths"):
        expected[f"{PRIOR_PREFIX}{part}"] = (("I32",), (channels,))
    expected[f"{PRIOR_PREFIX}counts"] = (("I32",), (channels, min(max(2, longest), PRIOR_LONGEST)))
    for name in (*expected, *tensors):
        if name not in expected:
            raise JsonError(f"it holds {name[:80]!r}, which {architecture} does not have")
        if name not in tensors:
            raise JsonError(f"it lacks {name}")
        found, (dtypes, shape) = tensors[name], expected[name]
        if tuple(found.shape) != shape or found.dtype not in dtypes:
            raise JsonError(
                f"{name} is {found.dtype} {tuple(found.shape)}, but {architecture} with N = {N}, M = {M} takes "
                f"{' or '.join(dtypes)} {shape}"
            )
