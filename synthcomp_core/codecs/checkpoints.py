"""CompressAI checkpoints to codec snapshots and back: which architecture it is, its channels, its integer prior."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcomp_core import limits
from synthcomp_core.errors import SnapshotError
from synthcomp_core.library.codec_shapes import codec_shapes
from synthcomp_core.library.snapshots import Distortion, SnapshotCard, load_snapshot, save_snapshot, weights_sha256

if TYPE_CHECKING:
    import torch

ARCHITECTURES = (
    "bmshj2018-factorized",
    "bmshj2018-factorized-relu",
    "bmshj2018-hyperprior",
    "mbt2018-mean",
    "mbt2018",
    "cheng2020-anchor",
    "cheng2020-attn",
)
_RANDOM_SEED = 0

# Buffers that CompressAI's classes make anew; a snapshot keeps parameters only.
_BUFFERS = (
    "_offset",
    "_quantized_cdf",
    "_cdf_length",
    "target",
    "bound",
    "pedestal",
    "mask",
    "scale_table",
    "scale_bound",
)
PRIOR = "integer_prior."  # Of our snapshots: tables made of the parameters.
# A codec's names begin here, whatever wrapper stands in front of them.
_FIRST = re.compile(r"(?P<prefix>(?:.*\.)?)g_a\.0\.(?:weight|conv1\.weight)")
_CODEC_NAME = re.compile(r"(?:.*\.)?(?:entropy_bottleneck\.|g_a\.\d)")
# The three ways in which CompressAI has written the density network: up to 1.0 `_matrices.0`, to 1.2.6 `_matrix0`,
# then `matrices.0`; and cheng2020's shortcut, `downsample` before it was `skip` (compressai.zoo.pretrained).
_DENSITY = re.compile(r"(?P<front>(?:.*\.)?entropy_bottleneck\.)_?(?P<kind>matri|bias|factor)[a-z]*\.?(?P<layer>\d+)")
_KINDS = {"matri": "matrices", "bias": "biases", "factor": "factors"}


def is_codec(state_dict: Mapping[str, torch.Tensor]) -> bool:
    """Whether the names in a state dict are those of a CompressAI codec, of a supported architecture or not."""
    return any(_CODEC_NAME.match(name) for name in state_dict)


def with_current_names(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A codec's state dict by the names that CompressAI 1.2.8 uses, from any that it or a wrapper has written.

    A prefix in front of ``g_a`` is dropped. SnapshotError when several codecs stand in one state dict, when a name is
    left over outside the prefix, or when two names become one.
    """
    matches = (_FIRST.fullmatch(name) for name in state_dict)
    prefixes = sorted({match["prefix"] for match in matches if match})
    if len(prefixes) > 1:
        shown = ", ".join(prefix.rstrip(".") or "(no prefix)" for prefix in prefixes)
        raise SnapshotError(
            f"The checkpoint holds several codecs ({shown}); choose one by its prefix with --key (in a plan, init_key)."
        )
    prefix = prefixes[0] if prefixes else ""
    outside = [name for name in state_dict if not name.startswith(prefix)]
    if outside:
        raise SnapshotError(
            f"The codec's weights begin with {prefix!r}, but {len(outside)} of the checkpoint's "
            f"do{'es' * (len(outside) == 1)} not (such as {outside[0]}); leave out what does not with --key "
            f"{prefix.rstrip('.')} (in a plan, init_key)."
        )
    renamed: dict[str, torch.Tensor] = {}
    for name, tensor in state_dict.items():
        current = _current_name(name.removeprefix(prefix))
        if current in renamed:
            raise SnapshotError(f"The checkpoint holds the weight {current} twice, under an old and a new name.")
        renamed[current] = tensor
    return renamed


def _current_name(name: str) -> str:
    name = name.replace(".module.", ".").replace(".downsample.", ".skip.")
    density = _DENSITY.fullmatch(name)
    return f"{density['front']}{_KINDS[density['kind']]}.{density['layer']}" if density else name


def infer_architecture(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, int, int]:
    """Architecture, N and M of a CompressAI state dict; SnapshotError when it is of none of ARCHITECTURES."""
    if "g_a.0.conv1.weight" in state_dict and "context_prediction.weight" in state_dict:
        attention = any(".conv_a." in name for name in state_dict)
        channels = _channels(state_dict, "g_a.0.conv1.weight")
        return ("cheng2020-attn" if attention else "cheng2020-anchor"), channels, channels
    if "g_a.0.weight" not in state_dict or "g_a.6.weight" not in state_dict:
        raise SnapshotError(
            f"The checkpoint is of no known codec architecture (it has no g_a.0 and g_a.6): use one of "
            f"{', '.join(ARCHITECTURES)}."
        )
    channels, latents = _channels(state_dict, "g_a.0.weight"), _channels(state_dict, "g_a.6.weight")
    if "h_s.4.weight" not in state_dict:
        has_gdn = "g_a.1.beta" in state_dict
        architecture = "bmshj2018-factorized" if has_gdn else "bmshj2018-factorized-relu"
    elif "context_prediction.weight" in state_dict:
        architecture = "mbt2018"
    elif _channels(state_dict, "h_s.4.weight") == 2 * latents:
        architecture = "mbt2018-mean"
    else:
        architecture = "bmshj2018-hyperprior"
    return architecture, channels, latents


def _channels(state_dict: Mapping[str, torch.Tensor], name: str) -> int:
    """The outputs of a convolution; SnapshotError when they are none, or more than any codec has."""
    shape = tuple(state_dict[name].shape)
    if len(shape) != 4 or not 1 <= shape[0] <= 2 * limits.SNAPSHOT_CHANNELS:
        raise SnapshotError(f"The weight {name} has the shape {shape}, which is that of no codec's convolution.")
    return shape[0]


def build_model(architecture: str, N: int, M: int) -> Any:
    """CompressAI's class of an architecture with fresh weights (a ``compressai.models.CompressionModel``)."""
    from synthcomp_core.runtime import ensure_torchvision

    ensure_torchvision()
    from compressai import models

    classes = {
        "bmshj2018-factorized": models.FactorizedPrior,
        "bmshj2018-factorized-relu": models.FactorizedPriorReLU,
        "bmshj2018-hyperprior": models.ScaleHyperprior,
        "mbt2018-mean": models.MeanScaleHyperprior,
        "mbt2018": models.JointAutoregressiveHierarchicalPriors,
        "cheng2020-anchor": models.Cheng2020Anchor,
        "cheng2020-attn": models.Cheng2020Attention,
    }
    if architecture not in classes:
        raise SnapshotError(f"Unknown architecture {architecture!r}: use one of {', '.join(ARCHITECTURES)}.")
    return classes[architecture](N) if architecture.startswith("cheng2020") else classes[architecture](N, M)


def codec_parameters(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, int, int, dict[str, torch.Tensor]]:
    """Architecture, N, M and every parameter of CompressAI's class in float32, by its current names.

    state_dict: CompressAI's in any of its forms (:func:`with_current_names`), or a snapshot's tensors. SnapshotError,
    naming the difference, when anything is missing, left over, of another shape, or not finite.
    """
    import torch

    state_dict = with_current_names({name: value for name, value in state_dict.items() if not name.startswith(PRIOR)})
    architecture, N, M = infer_architecture(state_dict)
    if max(N, M) > limits.SNAPSHOT_CHANNELS:
        raise SnapshotError(
            f"The checkpoint has N={N}, M={M}; a codec has at most {limits.SNAPSHOT_CHANNELS:,} channels."
        )
    # From the table: a model of the channels that some file claims could take all memory.
    expected = codec_shapes(architecture, N, M) or {}
    missing = [name for name in expected if name not in state_dict]
    foreign = [name for name in state_dict if name not in expected and name.split(".")[-1] not in _BUFFERS]
    if missing or foreign:
        raise SnapshotError(
            f"The checkpoint looks like {architecture} but "
            + (f"lacks {missing[0]}" if missing else f"has the foreign weight {foreign[0]}")
            + f" ({len(missing)} missing, {len(foreign)} foreign); export it from CompressAI's class."
        )
    tensors = {}
    for name, shape in expected.items():
        tensor = state_dict[name].detach().cpu()
        if tensor.shape != shape:
            raise SnapshotError(
                f"The weight {name} has the shape {tuple(tensor.shape)}, but {architecture} with N={N}, M={M} "
                f"takes {tuple(shape)}; export the checkpoint from CompressAI's class."
            )
        if not torch.isfinite(tensor).all():
            raise SnapshotError(f"The weight {name} holds values that are not finite; the checkpoint is not usable.")
        tensors[name] = tensor.float()
    return architecture, N, M, tensors


def codec_tensors(
    state_dict: Mapping[str, torch.Tensor], *, half: bool = True
) -> tuple[str, int, int, dict[str, torch.Tensor]]:
    """Architecture, N, M and the tensors a codec snapshot holds: CompressAI's parameters and the integer prior.

    half: weights as float16 (quantiles stay float32). SnapshotError as of :func:`codec_parameters`.
    """
    from synthcomp_core.codecs.entropy.prior import derive_prior

    architecture, N, M, tensors = codec_parameters(state_dict)
    prior = derive_prior(tensors)
    if half:
        tensors = {name: tensor if "quantiles" in name else _as_half(name, tensor) for name, tensor in tensors.items()}
    return architecture, N, M, {**tensors, **prior}


def import_codec(
    state_dict: Mapping[str, torch.Tensor],
    *,
    id: str,
    quality: int | None = None,
    lmbda: float | None = None,
    distortion: str | None = None,
    trained_on: str | None = None,
    steps: int | None = None,
    half: bool = True,
    path: Path | None = None,
    **fields: Any,
) -> SnapshotCard:
    """Write a CompressAI state dict as the codec snapshot ``id``; its card, with architecture, N and M filled in.

    state_dict: as ``checkpoint_files.read_checkpoint`` returns it. half: store weights as float16. path: instead of the
    snapshots folder. fields: further fields of SnapshotCard. SnapshotError when the weights fit no architecture, are
    not finite, or are too large for the exact integer path (checked here, not at first use).
    """
    from synthcomp_core.codecs.entropy.latents import entropy_model

    preserved = None if distortion is None else Distortion.parse(distortion)
    architecture, N, M, tensors = codec_tensors(state_dict, half=half)
    entropy_model(tensors, architecture, M)
    card = SnapshotCard(
        id=id,
        kind="codec",
        architecture=architecture,
        N=N,
        M=M,
        quality=quality,
        lmbda=lmbda,
        distortion=preserved,
        trained_on=trained_on,
        steps=steps,
        parameters=sum(tensor.numel() for name, tensor in tensors.items() if tensor.is_floating_point()),
    )
    return save_snapshot(dataclasses.replace(card, **fields), tensors, path=path)


def model_from_tensors(card: SnapshotCard, tensors: dict[str, torch.Tensor]) -> Any:
    """CompressAI's model of a codec snapshot in float32 and evaluation mode, to train further or as an oracle."""
    from torch import nn

    if card.kind != "codec" or card.N is None or card.M is None:
        raise SnapshotError(f"Snapshot {card.id} is not a codec but a {card.kind}.")
    model = build_model(card.architecture, card.N, card.M)
    parameters = {name: tensor.float() for name, tensor in tensors.items() if tensor.is_floating_point()}
    # CompressAI's own load_state_dict asks for coding tables, which a snapshot does not hold.
    nn.Module.load_state_dict(model, parameters, strict=False)
    return model.eval()


def compressai_model(snapshot_id: str) -> Any:
    """CompressAI's model of the codec snapshot with this id (see :func:`model_from_tensors`)."""
    return model_from_tensors(*load_snapshot(snapshot_id))


def random_weights(
    architecture: str, N: int, M: int, *, quality: int | None = None
) -> tuple[SnapshotCard, dict[str, torch.Tensor]]:
    """Card and tensors of a model with seeded random weights whose latents spread about as trained ones do.

    Fresh weights would yield latents of zeros and scales at the lower bound, which are cheaper to code than real ones:
    y is scaled up, and the scales' biases follow a log-normal distribution.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_RANDOM_SEED)
        state_dict = build_model(architecture, N, M).state_dict()
        generator = torch.Generator().manual_seed(_RANDOM_SEED)
        spread = torch.exp(torch.randn(M, generator=generator) - 1.2)
    if "g_a.6.weight" in state_dict and state_dict["g_a.6.weight"].dim() == 4:
        state_dict["g_a.6.weight"] *= 20
    for name in ("entropy_parameters.4.bias", "h_s.4.bias"):
        if name in state_dict:
            state_dict[name][:M] = spread
            break
    _, _, _, tensors = codec_tensors(state_dict, half=False)
    card = SnapshotCard(
        id=f"{architecture}-random",
        kind="codec",
        architecture=architecture,
        sha256=weights_sha256(tensors),
        N=N,
        M=M,
        quality=quality,
    )
    return card, tensors


def _as_half(name: str, tensor: torch.Tensor) -> torch.Tensor:
    import torch

    half = tensor.half()
    if not torch.isfinite(half).all():
        raise SnapshotError(f"The weight {name} is too large for float16; import the checkpoint with float32 weights.")
    return half
