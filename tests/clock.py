"""How much processor time a test allows, and how long it waits."""

import os

# Seconds that a test waits for what must come, on a busy machine too: only a fault reaches them.
LIMIT_S = 180


def at_most(seconds: float) -> float:
    """The limit on processor time for what takes less than ``seconds`` on a machine with a core to spare.

    Twice that on a busy one, whose cores run two threads at once each: either then takes up to twice as long.
    """
    return seconds * (2 if os.getloadavg()[0] > (os.cpu_count() or 1) else 1)
