"""Benchmarks of the plug-in, each beside a rival in the same process. They print numbers and never fail a build."""
