"""Costs and scores of encrypted predictions: ``python -m benchmarks --help``."""
