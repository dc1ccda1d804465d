/* Candidates near x. Nothing of them is kept: their noise is made again from counters where it is needed. */
#include "search.h"

/* A sum of four bytes, about normal: -510 to 510, mean 0, standard deviation 147.8. */
int32_t noise(uint32_t *generator)
{
	uint32_t w = next_word(generator);
	return (int32_t)((w >> 24) + (w >> 16 & 255) + (w >> 8 & 255) + (w & 255)) - 510;
}

uint16_t clip_x(int32_t x) { return clip(x, 0, MAX_X); }

/* x plus or minus the noise of a pair times sigma. `point` may be x itself. */
void step_away(uint32_t pair, int32_t sign, uint16_t *point)
{
	uint32_t generator = word(NOISE, mailbox.search.g, pair);
	for (uint32_t j = 0; j < N_DIM; j++) {
		int32_t away = ((int32_t)mailbox.search.sigma * noise(&generator) + 128) >> 8;
		point[j] = clip_x(mailbox.search.x[j] + sign * away);
	}
}

/* The schedule: halve sigma, down to a least one, and alpha each `halve_every` generations. */
void halve_widths(void)
{
	struct search *search = &mailbox.search;
	uint32_t every = search->halve_every, done = search->g + 1;
	if (every == 0 || udiv(done, every) * every != done)
		return;
	search->sigma >>= 1;
	if (search->sigma < MIN_SIGMA)
		search->sigma = MIN_SIGMA;
	search->alpha >>= 1;
}
