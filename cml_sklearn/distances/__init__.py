"""Distances to samples of training: exact in integers, then looked up."""
