/* Annealing with an incumbent that is evaluated again in each generation (Metropolis et al. 1953). */
#include "search.h"

/* An exponentially distributed number in Q8, -log2(w / 2^32) with a straight line between powers of two. */
static int32_t exponential_q8(uint32_t w)
{
	uint32_t z = __builtin_clz(w);
	return 256 * (z + 1) - ((w << z & 0x7fffffff) >> 23);
}

/* Take the child if it is worse by less than the temperature, alpha, times that number. */
void tell(const uint32_t *fitness)
{
	struct search *search = &mailbox.search;
	int32_t better = 256 * ((int32_t)fitness[1] - (int32_t)fitness[0]);
	if (better + (int32_t)search->alpha * exponential_q8(word(ACCEPT, search->g, 0)) > 0)
		step_away(0, 1, search->x);
	halve_widths();
}
