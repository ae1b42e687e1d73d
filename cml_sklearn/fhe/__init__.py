"""Integers under encryption: a program, compiled to a circuit, run on any number of samples."""
