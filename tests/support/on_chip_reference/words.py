"""32-bit words from counters, and the two generators of the processor."""

NOISE, TASK, EPISODE, ACCEPT, HELD_OUT_TASK, HELD_OUT_EPISODE = 1, 2, 3, 4, 5, 6
"""What a word is for, the second argument of ``word``."""

MASK = 0xFFFFFFFF


def u32(x: int) -> int:
    """Return a number that fits an unsigned word."""
    assert 0 <= x <= MASK, x
    return x


def i32(x: int) -> int:
    """Return a number that fits a signed word."""
    assert -(2**31) <= x < 2**31, x
    return x


def mix(x: int) -> int:
    """Return the 32-bit finaliser of C. Wellons' hash-prospector ("lowbias32"), a bijection.

    Products are modulo 2^32.
    """
    x ^= x >> 16
    x = x * 0x7FEB352D & MASK
    x ^= x >> 15
    x = x * 0x846CA68B & MASK
    return x ^ x >> 16


def word(run: int, what: int, g: int, i: int) -> int:
    """Return the word of a run's seed, a purpose, a generation from 0 and an index; never 0.

    Sums and the product are modulo 2^32. A result of 0 becomes 1, since xorshift never leaves 0.
    """
    first = mix(run + what * 0x9E3779B9 & MASK)
    return mix(mix(first + g & MASK) + i & MASK) or 1


def xorshift(x: int) -> int:
    """Return the next word of the generator for tasks and noise (Marsaglia 2003: 13, 17, 5)."""
    x ^= x << 13 & MASK
    x ^= x >> 17
    return x ^ (x << 5 & MASK)


def below(w: int, n: int) -> int:
    """Return a number in [0, n), n <= 65536, from the upper half of a word: without division."""
    return u32((w >> 16) * n) >> 16


def lcg(x: int) -> int:
    """Return the next word of the generator of an episode, the published one."""
    return 1664525 * x + 1013904223 & MASK


class Xorshift:
    """A generator for tasks and noise: each draw first advances it."""

    def __init__(self, seed: int) -> None:
        """Begin at a word."""
        self.state = seed

    def next(self) -> int:
        """Return the next word."""
        self.state = xorshift(self.state)
        return self.state


class Lcg:
    """The generator of an episode: each draw first advances it."""

    def __init__(self, seed: int) -> None:
        """Begin at a word."""
        self.state = seed

    def by_byte(self, n: int) -> int:
        """Return the highest byte modulo n: a choice among n actions."""
        self.state = lcg(self.state)
        return (self.state >> 24) % n

    def by_word(self, n: int) -> int:
        """Return the whole word modulo an odd n: a successor."""
        self.state = lcg(self.state)
        return self.state % n
