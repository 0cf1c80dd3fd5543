"""The exact integer networks and the wavefront, against plain Python integers in raster order."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.stats import norm

from synthcomp_core.codecs.entropy import scale_tables as tables_module
from synthcomp_core.codecs.entropy.context import context_model, walk
from synthcomp_core.codecs.entropy.exact import (
    LIMIT,
    exact_convolution,
    exact_deconvolution,
    exact_linear,
    exact_sequential,
    settle,
)
from synthcomp_core.codecs.entropy.level_offsets import NO_LEVEL_OFFSETS, best_level_offsets, level_map
from synthcomp_core.codecs.entropy.scale_tables import (
    HALF_WIDTHS,
    LEVELS,
    PRECISION_BITS,
    scale_tables,
    standard_normal_cdf,
)
from synthcomp_core.codecs.entropy.symbols import SymbolDecoder, SymbolEncoder, code_length_bits
from synthcomp_core.errors import Cancelled, SnapshotError
from synthcomp_core.progress import silent
from tests.codecs.models import random_model


def half_even(numerator: int, bits: int) -> int:
    """numerator / 2^bits rounded half to even, in Python integers."""
    floor, rest = numerator >> bits, numerator & ((1 << bits) - 1)
    half = 1 << (bits - 1)
    return floor + (rest > half or (rest == half and floor % 2 == 1))


def integer_layer(weight: torch.Tensor, bias: torch.Tensor) -> tuple[list[list[int]], list[int], int]:
    """Integers w, b and the largest k up to 24 for which no sum reaches 2^52: the definition, in Python integers."""
    rows = [[Fraction(float(w)) for w in row] for row in weight.double()]
    biases = [Fraction(float(b)) for b in bias.double()]
    sums = [sum(-(-abs(w) * 2**20 // 1) for w in row) for row in rows]
    largest = (int(max(sums)) << 8) + int(max(-(-abs(b) * 2**16 // 1) for b in biases)) + 1
    bits = min(24, 52 - largest.bit_length())
    integers = [[round(w * 2**bits) for w in row] for row in rows]
    return integers, [round(b * 2 ** (16 + bits)) for b in biases], bits


def apply_integers(layer: tuple[list[list[int]], list[int], int], x: list[int], leaky: bool) -> list[int]:
    weights, biases, bits = layer
    outputs = []
    for row, bias in zip(weights, biases, strict=True):
        total = bias + sum(w * a for w, a in zip(row, x, strict=True))
        assert abs(total) < 2**53
        value = half_even(max(-(1 << 28 + bits), min(1 << 28 + bits, total)), bits)
        outputs.append(half_even(value * 5243, 19) if leaky and value < 0 else value)
    return outputs


def test_a_layer_equals_python_integers_up_to_the_clamp() -> None:
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(5, 40, generator=generator), torch.randn(5, generator=generator)
    x = torch.randint(-(2**28), 2**28, (6, 40), generator=generator).double()
    x[3] = LIMIT * weight[2].sign()  # drives output 2 into the clamp
    layer = exact_linear(weight, bias, "layer")
    reference = integer_layer(weight, bias)
    for slope, leaky in ((None, False), (5243 / 2**19, True)):
        found = settle(layer(x), slope)
        for row in range(6):
            assert found[row].tolist() == apply_integers(reference, [int(a) for a in x[row]], leaky)
    assert settle(layer(x), None)[3, 2] == LIMIT


def test_sums_are_exact_in_any_order_at_the_largest_activations() -> None:
    generator = torch.Generator().manual_seed(1)
    layer = exact_linear(torch.randn(3, 5000, generator=generator), torch.zeros(3), "layer")
    x = LIMIT * torch.ones(1, 5000, dtype=torch.float64)
    order = torch.randperm(5000, generator=generator)
    forward = (layer.weight * x.t()).sum(dim=0)
    sequential = torch.zeros(3, dtype=torch.float64)
    for index in order.tolist():
        sequential += layer.weight[index] * LIMIT
    assert torch.equal(forward, sequential)
    assert torch.equal(layer(x)[0], sequential)


def test_weights_that_cannot_be_summed_exactly_are_refused() -> None:
    with pytest.raises(SnapshotError, match=r"h_s\.0 are too large or too many"):
        exact_linear(torch.full((1, 40_000), 0.99), torch.zeros(1), "h_s.0")
    with pytest.raises(SnapshotError, match=r"h_s\.0 are too large for"):
        exact_linear(torch.full((1, 1), 1e30), torch.zeros(1), "h_s.0")
    with pytest.raises(SnapshotError, match="not all finite"):
        exact_linear(torch.tensor([[float("nan")]]), torch.zeros(1), "h_s.0")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (4, 2)])
def test_convolutions_equal_torchs_on_integers(height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randint(-1000, 1000, (height, width, 3), generator=generator).double()
    as_image = x.permute(2, 0, 1)[None]
    weight = torch.randint(-64, 64, (4, 3, 3, 3), generator=generator).double() / 64
    zero = torch.zeros(4, dtype=torch.float64)
    expected = torch.round(torch.nn.functional.conv2d(as_image, weight, padding=1))[0].permute(1, 2, 0)
    found = exact_convolution(weight, zero, "c", negative_slope=None)(x)
    assert torch.equal(found, expected)
    shuffled = exact_convolution(weight, zero, "c", negative_slope=None, shuffle=True)(x)
    assert torch.equal(
        shuffled, torch.nn.functional.pixel_shuffle(expected.permute(2, 0, 1)[None], 2)[0].permute(1, 2, 0)
    )
    weight = torch.randint(-64, 64, (3, 4, 5, 5), generator=generator).double() / 64
    expected = torch.nn.functional.conv_transpose2d(as_image, weight, stride=2, padding=2, output_padding=1)
    found = exact_deconvolution(weight, zero, "d", negative_slope=None)(x)
    assert torch.equal(found, torch.round(expected)[0].permute(1, 2, 0))


@pytest.mark.parametrize("architecture", ["bmshj2018-hyperprior", "mbt2018-mean", "mbt2018", "cheng2020-anchor"])
def test_hyper_synthesis_is_compressais_up_to_the_rounding(architecture: str) -> None:
    from synthcomp_core.codecs.checkpoints import model_from_tensors

    card, tensors = random_model(architecture)
    plain = architecture == "bmshj2018-hyperprior"
    layers = exact_sequential(tensors, "h_s.", last_relu=plain, relu_slope=0.0 if plain else 5243 / 2**19)
    z = torch.randint(-20, 20, (2, 3, 24), generator=torch.Generator().manual_seed(3)).double()
    x = z * 65536
    for layer in layers:
        x = layer(x)
    with torch.inference_mode():
        expected = model_from_tensors(card, tensors).h_s(z.float().permute(2, 0, 1)[None])[0].permute(1, 2, 0)
    assert x.shape == (8, 12, card.M if plain else 2 * (card.M or 0))
    assert float((x / 65536 - expected).abs().max()) < 1e-4


@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 4), (4, 12)])
def test_the_wavefront_equals_a_raster_scan_in_python_integers(height: int, width: int) -> None:
    channels = 2
    generator = torch.Generator().manual_seed(4)

    def weights(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) / 4

    sizes = {"entropy_parameters.0": (6, 8), "entropy_parameters.2": (5, 6), "entropy_parameters.4": (4, 5)}
    tensors = {"context_prediction.weight": weights(4, 2, 5, 5), "context_prediction.bias": weights(4)}
    for name, (outputs, inputs) in sizes.items():
        tensors |= {f"{name}.weight": weights(outputs, inputs, 1, 1), f"{name}.bias": weights(outputs)}
    hyper = torch.randint(-99999, 99999, (height, width, 4), generator=generator).double()
    residuals = np.random.default_rng(5).integers(-3, 4, (height * width, channels))

    def exchange(positions: slice, parameters: np.ndarray) -> np.ndarray:
        return residuals[positions] * 65536.0 + parameters[:, channels:]

    found = walk(context_model(tensors), RowByRow(hyper), exchange, silent)

    causal = [(dy, dx) for dy in (-2, -1) for dx in range(-2, 3)] + [(0, -2), (0, -1)]
    kernel = tensors["context_prediction.weight"]
    flat = torch.stack([kernel[:, :, dy + 2, dx + 2] for dy, dx in causal], dim=1).reshape(4, -1)
    prediction = integer_layer(flat, tensors["context_prediction.bias"])
    layers = [integer_layer(tensors[f"{n}.weight"].flatten(1), tensors[f"{n}.bias"]) for n in sizes]
    latents: dict[tuple[int, int], list[int]] = {}
    for h in range(height):
        for w in range(width):
            neighbours = [v for dy, dx in causal for v in latents.get((h + dy, w + dx), [0] * channels)]
            x = [int(v) for v in hyper[h, w]] + apply_integers(prediction, neighbours, False)
            for index, layer in enumerate(layers):
                x = apply_integers(layer, x, index < 2)
            latents[h, w] = [int(r) * 65536 + m for r, m in zip(residuals[h * width + w], x[channels:], strict=True)]
            assert found[h, w].tolist() == latents[h, w]


class RowByRow:
    """Activations at hand, given as strips of one row."""

    def __init__(self, activations: torch.Tensor) -> None:
        self.activations = activations
        self.height, self.width = activations.shape[:2]

    def strips(self) -> list[tuple[int, int]]:
        return [(row, row + 1) for row in range(self.height)]

    def rows(self, first: int, last: int) -> torch.Tensor:
        return self.activations[first:last]


def test_a_walk_is_cancelled_from_its_progress_callback() -> None:
    _, tensors = random_model("mbt2018")
    hyper = torch.zeros(4, 4, 72, dtype=torch.float64)

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        walk(context_model(tensors), RowByRow(hyper), lambda positions, parameters: parameters[:, :36], stop)


def test_the_normal_distribution_is_scipys() -> None:
    x = np.linspace(-9, 9, 3001)
    assert np.abs(standard_normal_cdf(x) - norm.cdf(x)).max() < 1e-12


def test_tables_are_gaussians_in_whole_counts_of_2_to_the_24() -> None:
    tables = scale_tables()
    scales = 0.11 * (256 / 0.11) ** (np.arange(LEVELS) / (LEVELS - 1))
    for width, half_width in enumerate(HALF_WIDTHS):
        first = tables.first_levels[width]
        counts = tables.counts[width].astype(np.int64)
        # constriction adds 1 to each of the n counts and leaves them as they are when they sum to 2^24 - n.
        assert (counts.sum(axis=1) + counts.shape[1] == 1 << PRECISION_BITS).all()
        assert counts.min() >= 0
        for row, level in enumerate(range(first, tables.first_levels[width + 1])):
            size = 2 ** int(tables.shifts[level])
            lower = np.arange(-half_width, half_width + 2) * size - size // 2 - 0.5
            masses = np.diff(norm.cdf(lower / scales[level]))
            assert np.abs(counts[row, :-1] / 2**24 - masses).max() < 2e-5


def test_a_machine_with_other_arithmetic_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables_module, "TABLES_SHA256", hashlib.sha256(b"other").hexdigest())
    with pytest.raises(ValueError, match="IEEE 754"):
        tables_module.scale_tables.__wrapped__()


def test_symbols_survive_coding_in_about_their_ideal_length() -> None:
    generator = np.random.default_rng(6)
    levels = generator.integers(0, LEVELS, 200_000).astype(np.uint8)
    scales = 0.11 * (256 / 0.11) ** (levels / (LEVELS - 1))
    symbols = np.rint(generator.normal(0, scales)).astype(np.int32)
    symbols[::5000] = generator.integers(-16383, 16384, 40)  # far outside every table
    encoder = SymbolEncoder()
    pieces = np.array_split(np.arange(len(symbols)), 30)
    for piece in pieces:
        encoder.code_levels(levels[piece], symbols[piece])
    words = encoder.words()
    decoder = SymbolDecoder(words)
    for piece in pieces:
        assert np.array_equal(decoder.code_levels(levels[piece]), symbols[piece])
    ideal = float(code_length_bits(levels, symbols).sum(dtype=np.float64))
    assert len(words) * 8 == pytest.approx(ideal, rel=2e-5, abs=64)
    # The Gaussians' own entropy: coarse bins and the table's steps cost little (escapes taken out).
    usual = np.ones(len(symbols), bool)
    usual[::5000] = False
    masses = norm.cdf((symbols + 0.5) / scales) - norm.cdf((symbols - 0.5) / scales)
    usual &= masses > 1e-7
    table_bits = code_length_bits(levels, symbols)[usual].sum(dtype=np.float64)
    assert table_bits == pytest.approx(-np.log2(masses[usual]).sum(), rel=5e-4)


def test_level_offsets_move_bands_and_find_inflated_scales() -> None:
    assert level_map(NO_LEVEL_OFFSETS).tolist() == list(range(LEVELS))
    moved = level_map(bytes([0xF0]) + NO_LEVEL_OFFSETS[1:])
    assert moved[:16].tolist() == list(range(11, 27))
    assert moved[16:32].tolist() == list(range(12, 28))
    assert moved[32:].tolist() == list(range(32, 256))
    generator = np.random.default_rng(7)
    levels = np.full(100_000, 100, np.uint8)  # predicted; in truth the spread is that of level 106
    true_scale = 0.11 * (256 / 0.11) ** (106 / (LEVELS - 1))
    symbols = np.rint(generator.normal(0, true_scale, len(levels))).astype(np.int32)
    assert abs(int(level_map(best_level_offsets(levels, symbols))[100]) - 106) <= 1
