"""Synthcomp's core: how should rendered images be compressed and upscaled?"""

import os

__version__ = "0.1.0"

# torch's threads wait for each other by spinning, milliseconds long. Where other processes want the cores too, a thread
# then spins away the time slice that the other one needs: encoding 1080p took 54 s instead of 4 s beside four busy
# processes on two cores. GNU's OpenMP reads this when it is loaded, so it must be set before torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
