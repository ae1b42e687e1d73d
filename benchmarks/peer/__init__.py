"""The same work on Concrete-ML, in an environment of its own."""
