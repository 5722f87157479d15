"""Parts that tests and benchmarks share: an OTLP receiver on loopback, and calls whose totals are known."""
