"""Integer programs as plain data."""
