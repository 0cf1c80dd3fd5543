"""A transposed 5x5 convolution of stride 2 as four 3x3 ones, one for each parity of the output's row and column.

Output 2 i + p takes input i + d through tap 2 + p - 2 d: in phase p = 0 the taps 4, 2, 0 for d = -1, 0, 1, in phase
p = 1 the taps 3, 1 for d = 0, 1. Rows and columns are independent of each other.
"""

PARITIES = ((0, 0), (0, 1), (1, 0), (1, 1))  # (row, column)
LATENT_STRIDE = 16  # Pixels per side that one latent position stands for: four layers of stride 2.
HYPER_STRIDE = 64  # That one position of the hyper-latents stands for: images are padded and patches cut to multiples.


def tap(parity: int, offset: int) -> int:
    """The tap, 0..4, through which an output of this parity takes the input at ``offset``."""
    return 2 + parity - 2 * offset


def offsets(parity: int) -> tuple[int, ...]:
    """The input offsets, of -1, 0 and 1, that an output of this parity takes."""
    return tuple(offset for offset in (-1, 0, 1) if 0 <= tap(parity, offset) <= 4)


def taps(parity: int) -> list[int]:
    """The taps of an output of this parity, in the order of its offsets."""
    return [tap(parity, offset) for offset in offsets(parity)]
