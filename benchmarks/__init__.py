"""Benchmark scripts, run from the project's folder as ``python -m benchmarks.classification``."""
