"""Integers as plain data: steps, and what they compute."""
