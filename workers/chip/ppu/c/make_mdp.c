/* A Markov decision process from one word, by the law of tasks/mdp.py in 16 bits. */
#include "search.h"
#include "mdp.h"

/* Bits of a mass, so that a row's sum is at most 65536. */
#define MASS_BITS (N_STATES > 16 ? 11 : N_STATES > 8 ? 12 : N_STATES > 4 ? 13 : N_STATES > 2 ? 14 : 15)
#define FULL 65535
#define FORBIDDEN_Q7 64

/* One row. A successor is allowed if its word's upper half exceeds the row's threshold; the word's lowest bits
 * are then its mass. */
static void make_row(uint32_t *generator, uint32_t *cumulative, uint8_t *reward_q7)
{
	uint32_t threshold = next_word(generator) >> 16, total = 0;
	uint8_t drawn_q7[N_STATES];
	for (uint32_t successor = 0; successor < N_STATES; successor++) {
		uint32_t w = next_word(generator), mass = 0;
		drawn_q7[successor] = ((next_word(generator) >> 16) * 127 + 32768) >> 16;
		reward_q7[successor] = FORBIDDEN_Q7;
		if (w >> 16 > threshold) {
			mass = (w & ((1u << MASS_BITS) - 1)) + 1;
			reward_q7[successor] = drawn_q7[successor];
		}
		total += mass;
		cumulative[successor] = total;
	}
	if (total == 0) {
		uint32_t forced = below(next_word(generator), N_STATES);
		reward_q7[forced] = drawn_q7[forced];
		for (total = 1; forced < N_STATES; forced++)
			cumulative[forced] = 1;
	}
	for (uint32_t successor = 0; successor < N_STATES; successor++)
		cumulative[successor] = udiv(cumulative[successor] * FULL + (total >> 1), total);
}

void make_task(uint32_t task_word)
{
	start_state = 0;
	for (uint32_t action = 0; action < N_ACTIONS; action++)
		for (uint32_t state = 0; state < N_STATES; state++)
			make_row(&task_word, cumulative[action][state], reward_q7[action][state]);
}

uint8_t merit_q7(uint8_t action, int16_t signal_q7)
{
	(void)action;
	return signal_q7;
}
