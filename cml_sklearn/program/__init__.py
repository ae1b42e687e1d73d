"""Integers as plain data: steps, their ranges, the programs they make, and files of them."""
