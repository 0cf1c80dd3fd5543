"""Synthcomp's core: how should rendered images be compressed and upscaled?"""

__version__ = "0.1.0"
