"""Operators of older operator sets, turned into their newest form."""
