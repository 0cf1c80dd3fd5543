"""GDN with its own backward pass, against finite differences and CompressAI's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from synthcomp_core.runtime import ensure_torchvision
from synthcomp_core.training.gdn import BlockedGDN, use_blocked_gdn


@pytest.mark.parametrize("inverse", [False, True])
def test_gradients_are_those_of_finite_differences(inverse: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, 5, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    beta = (torch.rand(6, dtype=torch.float64, generator=generator) + 0.5).requires_grad_()
    gamma = (torch.rand(6, 6, dtype=torch.float64, generator=generator) / 10).requires_grad_()
    assert torch.autograd.gradcheck(lambda *a: BlockedGDN.apply(*a, inverse), (x, beta, gamma))


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_a_layer_trains_as_compressais(inverse: bool, memory_format: torch.memory_format) -> None:
    ensure_torchvision()
    from compressai.layers import GDN

    plain: Any = GDN(48, inverse=inverse)
    plain.gamma.data += torch.rand(48, 48, generator=torch.Generator().manual_seed(1)) / 20
    blocked = use_blocked_gdn(torch.nn.Sequential(copy.deepcopy(plain)))
    x = torch.randn(3, 48, 40, 50, generator=torch.Generator().manual_seed(2)).contiguous(memory_format=memory_format)
    results = []
    for module in (plain, blocked):
        leaf = x.clone().requires_grad_()
        y = module(leaf)
        (y**3).sum().backward()
        results.append([y, leaf.grad, *(parameter.grad for parameter in module.parameters())])
    for found, expected in zip(*reversed(results), strict=True):
        torch.testing.assert_close(found, expected, rtol=2e-5, atol=2e-5 * float(expected.abs().max()))
    assert {f"0.{name}" for name in plain.state_dict()} == set(blocked.state_dict())


def test_bfloat16_activations_stay_near_float32s() -> None:
    x = torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(3))
    beta, gamma = torch.ones(16), torch.full((16, 16), 0.05)
    for inverse in (False, True):
        narrow = BlockedGDN.apply(x.bfloat16(), beta, gamma, inverse)
        assert narrow.dtype == torch.bfloat16
        torch.testing.assert_close(narrow.float(), BlockedGDN.apply(x, beta, gamma, inverse), rtol=0.02, atol=0.02)
