"""Make ``import torchvision`` work beside a torch build that lacks its compiled operators.

CompressAI and spandrel import torchvision but call none of its compiled operators. Where its build does not
match torch's (a CUDA torchvision beside a CPU torch), the import fails on the schemas of ``nms`` and ``qnms``;
defining those two lets it pass. A machine with matching builds is left untouched.
"""

import sys
from typing import Any

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[Any] = []  # A torch.library.Library takes its definitions back when it is collected.


def ensure_torchvision() -> None:
    """Import torchvision, first defining its missing operator schemas when the plain import fails."""
    if "torchvision" in sys.modules:
        return
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        import torch

        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        library.define(f"nms{_SCHEMA}")
        library.define(f"qnms{_SCHEMA}")
        _libraries.append(library)
        import torchvision  # noqa: F401
