/* Coordinates of td_lambda: gamma, eta, weight_lower, weight_upper, initial_weight, rescale_period, where they are
 * searched the trace's decay and the reward's scale, and the inhibition. */
#include "constants.h"

#ifdef SEARCH_TRACE_DECAY
#define N_DECAY 1
#else
#define N_DECAY 0
#endif
#ifdef SEARCH_REWARD_SCALE
#define N_SCALE 1
#else
#define N_SCALE 0
#endif
#ifndef TRACE_DECAY_Q7
#define TRACE_DECAY_Q7 64
#endif
_Static_assert(N_DIM == 7 + N_DECAY + N_SCALE, "N_DIM must be the number of coordinates of td_lambda");

/* Between the lower code's value and 63: 63 - 63 (1 - lower) (1 - upper). The product has 40 bits. */
static uint32_t upper_u6(uint32_t x_lower, uint32_t x_upper)
{
	uint64_t above_lower = 131071 - 2 * x_lower, above_upper = 131071 - 2 * x_upper;
	return 63 - (uint32_t)((63 * above_lower * above_upper + (1ull << 33)) >> 34);
}

/* Steps, of [0.0129, 1] of an episode: n (129 + 9871 u) / 10000, at least 1. The product has 50 bits. */
static uint32_t period(uint32_t x)
{
	uint32_t n = mailbox.search.n_steps, share = (uint64_t)n * 9871 * (2 * x + 1) >> 17;
	uint32_t steps = udiv(129 * n + share + 5000, 10000);
	return steps == 0 ? 1 : steps;
}

/* Of [0.1, 1], 128 for 1. */
static uint32_t reward_scale_q7(uint32_t x) { return udiv(128 + (1152 * (2 * x + 1) >> 17) + 5, 10); }

void write_constants(const uint16_t *x)
{
	put_u8(q7(x[0]));
	put_u8(N_DECAY ? q7(x[6]) : TRACE_DECAY_Q7);
	put_u8(q7(x[1]));
	put_u8(N_SCALE ? reward_scale_q7(x[6 + N_DECAY]) : 128);
	put_u8(code_u6(x[2]));
	put_u8(upper_u6(x[2], x[3]));
	put_u8(code_u6(x[4]));
	put_u32(period(x[5]));
}
