/* (1 + 1) with the 1/5 rule (Rechenberg 1973) and a parent that is evaluated again in each generation. */
#include "search.h"

/* 1.5 after a success, 231/256 after a failure: 1.5 * 0.9023^4 = 0.994. */
void tell(const uint32_t *fitness)
{
	struct search *search = &mailbox.search;
	if (fitness[1] > fitness[0]) {
		step_away(0, 1, search->x);
		search->sigma = (384 * search->sigma + 128) >> 8;
		if (search->sigma > MAX_SIGMA)
			search->sigma = MAX_SIGMA;
	} else {
		search->sigma = (231 * search->sigma + 128) >> 8;
		if (search->sigma < MIN_SIGMA)
			search->sigma = MIN_SIGMA;
	}
}
