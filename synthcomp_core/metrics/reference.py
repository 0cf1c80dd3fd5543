"""A reference that several images are measured against: what FLIP and SSIMULACRA2 make of it alone is kept."""

from __future__ import annotations

import threading

from synthcomp_core.images import Image
from synthcomp_core.metrics.flip import Features, flip_features
from synthcomp_core.metrics.ssimulacra2 import Scale, reference_scales

KEPT_PIXELS = 4_000_000  # Of larger references nothing is kept: it would be 70 bytes per pixel.


class Reference:
    """An (H, W, 3) image and what metrics work out of it alone, made when it is first needed; threads may share it."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self._is_kept = image.shape[0] * image.shape[1] <= KEPT_PIXELS
        self._making = threading.Lock()
        self._features: Features | None = None
        self._scales: list[Scale] | None = None

    def flip_features(self) -> Features | None:
        """FLIP's features (H, 5, W); None for an image too large to keep them."""
        with self._making:
            if self._features is None and self._is_kept:
                self._features = flip_features(self.image)
            return self._features

    def ssimulacra2_scales(self) -> list[Scale] | None:
        """SSIMULACRA2's planes by scale and channel; None for an image too large to keep them."""
        with self._making:
            if self._scales is None and self._is_kept:
                self._scales = reference_scales(self.image)
            return self._scales
