"""The Upscaling page."""
