"""Trees: a public grid, forests in terms of its bits, and their integers as one step."""
