/* Simultaneous perturbation (Spall 1992): a step along a random direction by the difference of two. */
#include "search.h"

static int32_t width(void) { return (148 * mailbox.search.sigma + 128) >> 8; }

/* x plus a distance in the direction that the generation draws: the sign of each coordinate. */
static void step_along(int32_t distance, uint16_t *point)
{
	uint32_t generator = word(NOISE, mailbox.search.g, 0);
	for (uint32_t j = 0; j < N_DIM; j++) {
		int32_t away = next_word(&generator) >> 31 ? -distance : distance;
		point[j] = clip_x(mailbox.search.x[j] + away);
	}
}

uint32_t n_candidates(void) { return 2; }

void candidate(uint32_t i, uint16_t *point) { step_along(i ? -width() : width(), point); }

/* Differences of fitness are shifted until they have 15 bits; a step is no longer than the perturbation. */
void tell(const uint32_t *fitness)
{
	struct search *search = &mailbox.search;
	int32_t difference = (int32_t)fitness[0] - (int32_t)fitness[1], half = (1 << search->shift) >> 1;
	difference = (difference + half) >> search->shift;
	step_along(clip((difference * (int32_t)search->alpha + 128) >> 8, -width(), width()), search->x);
	halve_widths();
}
