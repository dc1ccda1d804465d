/* Evolution strategy: mirrored noise, centred ranks, momentum (Salimans et al. 2017, arXiv 1703.03864). */
#include "search.h"

uint32_t n_candidates(void) { return 2 * mailbox.search.n_pairs; }

void candidate(uint32_t i, uint16_t *point) { step_away(i >> 1, i & 1 ? -1 : 1, point); }

/* How many candidates are worse less how many are better; a tie counts for neither. Without a sort, and
 * whatever the unit of fitness. */
static int32_t centred_rank(const uint32_t *fitness, uint32_t i)
{
	int32_t rank = 0;
	for (uint32_t other = 0; other < n_candidates(); other++)
		rank += (fitness[i] > fitness[other]) - (fitness[i] < fitness[other]);
	return rank;
}

/* m <- 205/256 m + sum over pairs of (u+ - u-) s; x <- x + m alpha / 4096. All are rounded half up: rounding
 * down would let x drift. With 64 candidates |m| stays below 2^31 / 205. */
void tell(const uint32_t *fitness)
{
	struct search *search = &mailbox.search;
	for (uint32_t j = 0; j < N_DIM; j++)
		search->m[j] = (205 * search->m[j] + 128) >> 8;
	for (uint32_t pair = 0; pair < search->n_pairs; pair++) {
		int32_t weight = centred_rank(fitness, 2 * pair) - centred_rank(fitness, 2 * pair + 1);
		uint32_t generator = word(NOISE, search->g, pair);
		for (uint32_t j = 0; j < N_DIM; j++)
			search->m[j] += weight * noise(&generator);
	}
	for (uint32_t j = 0; j < N_DIM; j++) {
		int32_t step = (((search->m[j] + 8) >> 4) * (int32_t)search->alpha + 128) >> 8;
		search->x[j] = clip_x(search->x[j] + step);
	}
	halve_widths();
}
