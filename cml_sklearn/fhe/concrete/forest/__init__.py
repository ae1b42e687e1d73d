"""How Concrete evaluates a `Trees` step: lookups of small sums of bits, planned when compiled."""
