"""The environment's variables as checked, immutable records."""
