"""Readers beside OTLP: the console and a `/metrics` endpoint for Prometheus."""
