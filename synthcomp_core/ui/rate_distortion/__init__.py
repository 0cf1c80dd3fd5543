"""The rate-distortion page."""
