"""The bytes of the lab's film, computed from their offset as crates/gostorm-sim/src/lab/content.rs does.

So a player can compare what it reads, without a copy of the film. Numbers are 64 bits, little endian.
"""

import numpy

WORD = 8


def _mix(values):
    """The finalizer of SplitMix64; wraps silently, as numpy's arrays do."""
    values = values + numpy.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return values ^ (values >> numpy.uint64(31))


def film(seed, offset, length):
    """The `length` bytes from `offset` on."""
    first, end = offset // WORD, -(-(offset + length) // WORD)
    words = numpy.arange(first, end, dtype=numpy.uint64)
    numbers = _mix(_mix(words) ^ numpy.uint64(seed)).astype("<u8")
    skip = offset - first * WORD
    return numbers.tobytes()[skip : skip + length]
