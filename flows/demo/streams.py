"""Random numbers that depend on the seed and on what they are for, and on nothing else."""
import zlib

import numpy as np

#: A change of what the same seed gives is a change of this number.
VERSION = 1


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The generator for one purpose; drawing more in one place never moves another."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([VERSION, seed, zlib.crc32(purpose.encode())])))


def pick(rng: np.random.Generator, weights: np.ndarray, size: int) -> np.ndarray:
    """`size` indices drawn by weight. (int64)"""
    edges = np.cumsum(weights / weights.sum())
    return np.minimum(np.searchsorted(edges, rng.random(size), side="right"), len(weights) - 1)
