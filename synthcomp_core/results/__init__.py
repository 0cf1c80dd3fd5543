"""Results tables: reading, checking, curves, BD-rates and text tables. Knows no codec."""
