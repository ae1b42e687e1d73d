"""Integers under encryption: a program becomes a circuit, by one of several engines."""
