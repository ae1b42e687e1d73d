"""Files as they may come from elsewhere."""

from __future__ import annotations

import numpy as np


def corrupted(data: bytes, rng: np.random.Generator) -> bytes:
    """The same with a bit flipped, one time in five also cut off somewhere."""
    bad = bytearray(data[: int(rng.integers(1, len(data)))] if rng.random() < 0.2 else data)
    bad[int(rng.integers(len(bad)))] ^= 1 << int(rng.integers(8))
    return bytes(bad)
