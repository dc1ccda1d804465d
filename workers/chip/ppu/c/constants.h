/* From a coordinate, 0 to 65535, to a constant of a rule: the value low + (x + 1/2) / 65536 (high - low), rounded
 * to the constant's format. 2 x + 1 is odd, so no value is halfway between two constants. */
#pragma once
#include "search.h"

static inline uint32_t code_u6(uint32_t x) { return (63 * (2 * x + 1) + 65536) >> 17; }

static inline uint32_t q7(uint32_t x) { return x >= 65280 ? 127 : (x + 256) >> 9; }

static inline uint32_t rate_q15(uint32_t x) { return (2 * x + 3) >> 2; }

/* Of [0, 48]. */
static inline uint32_t code_low_u6(uint32_t x) { return (48 * (2 * x + 1) + 65536) >> 17; }

/* x + 1/2 to the even neighbour, at most 65535. */
static inline uint32_t value_u16(uint32_t x) { return x == MAX_X ? MAX_X : x + (x & 1); }

/* Weights of a network, of [-4, 4] in Q12. */
static inline void put_network(const uint16_t *x, uint32_t n_weights)
{
	for (uint32_t i = 0; i < n_weights; i++)
		put_u16(((int32_t)x[i] - 32768 + 1) >> 1);
}
