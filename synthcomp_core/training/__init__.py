"""Training of codecs and upscalers."""
