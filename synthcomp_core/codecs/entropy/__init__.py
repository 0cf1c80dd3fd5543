"""The exact half of a learned codec: everything that decides on a symbol, equal on every machine."""
