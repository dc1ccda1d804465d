/* A bandit from one word, and its pulls: the law of tasks/bandit.py in 16 bits. */
#include "search.h"

#define FULL 65535
#ifndef WORSE_U16
#define WORSE_U16 0 /* chance of the worse of two arms; 0 where chances are drawn */
#endif

static ENVIRONMENT struct {
	uint16_t chance; /* times 65535 */
	uint8_t expected_q7;
} arms[N_ACTIONS];
uint8_t start_state;

/* The chance of an arm. Of dependent arms the second one's is what the first one's lacks to 1. */
static uint32_t draw_chance(uint32_t *generator, uint32_t arm)
{
#ifdef DEPENDENT
	if (arm == 1)
		return FULL - arms[0].chance;
	if (WORSE_U16 > 0)
		return next_word(generator) >> 31 ? FULL - WORSE_U16 : WORSE_U16;
#else
	(void)arm;
#endif
	return next_word(generator) >> 16;
}

void make_task(uint32_t task_word)
{
	start_state = 0;
	for (uint32_t arm = 0; arm < N_ACTIONS; arm++) {
		uint32_t drawn = draw_chance(&task_word, arm);
		arms[arm].chance = drawn;
		arms[arm].expected_q7 = (drawn * 127 + 32768) >> 16;
	}
}

uint8_t environment_step(uint8_t state, uint8_t action, int16_t *signal_q7)
{
	*signal_q7 = draw_by_word(FULL) >= (uint32_t)(FULL - arms[action].chance) ? 127 : 0;
	return state;
}

/* What a pull counts: with EXPECTED the arm's chance, without the noise of payouts. */
uint8_t merit_q7(uint8_t action, int16_t signal_q7)
{
#ifdef EXPECTED
	return (void)signal_q7, arms[action].expected_q7;
#else
	return (void)action, signal_q7;
#endif
}
