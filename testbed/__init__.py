"""What tests and benchmarks share: an OTLP server on loopback, and calls whose totals are known."""
