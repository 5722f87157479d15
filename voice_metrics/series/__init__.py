"""The table of series, and the accumulators that hold their values."""
