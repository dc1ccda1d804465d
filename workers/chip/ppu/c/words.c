/* Words from counters, and the generator of tasks and noise. */
#include "search.h"

/* A bijection of words whose output bits all depend on all input bits: C. Wellons, hash-prospector,
 * "lowbias32". A linear congruential generator that begins at s and at s + 1 gives two streams that stay
 * correlated, so counters go through this first. */
static uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

/* The word of a purpose, a generation and an index. It is never 0, which the generator would not leave. */
uint32_t word(enum purpose purpose, uint32_t g, uint32_t i)
{
	uint32_t w = mix(mix(mix(mailbox.search.run + purpose * 0x9e3779b9u) + g) + i);
	return w == 0 ? 1 : w;
}

/* Advance a generator and return its word: Marsaglia 2003, with the shifts 13, 17 and 5. */
uint32_t next_word(uint32_t *generator)
{
	uint32_t x = *generator;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *generator = x;
}

/* A number in [0, n), n <= 65536, from the upper half of a word. */
uint32_t below(uint32_t w, uint32_t n) { return (w >> 16) * n >> 16; }
