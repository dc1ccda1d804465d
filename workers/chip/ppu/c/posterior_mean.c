/* The value of an action is the posterior mean of its chance: plasticity/posterior_mean.py. */
#include "action_values.h"

static uint32_t won[N_PAIRS], tried[N_PAIRS];

/* Restoring division: a fraction in [0, 1] as 65536 parts, at most 65535. */
static uint16_t quotient_u16(uint32_t numerator, uint32_t denominator)
{
	uint32_t quotient = 0;
	if (numerator >= denominator)
		return 65535;
	for (uint32_t bit = 0; bit < 16; bit++) {
		numerator <<= 1;
		quotient <<= 1;
		if (numerator >= denominator) {
			numerator -= denominator;
			quotient |= 1;
		}
	}
	return quotient;
}

void load_program(void)
{
	uint32_t wins = mailbox_u32(), choices = mailbox_u32();
	uint16_t initial = mailbox_u16();
	low_u6 = mailbox_u8();
	for (uint32_t pair = 0; pair < N_PAIRS; pair++) {
		value[pair] = initial;
		won[pair] = wins;
		tried[pair] = choices;
	}
}

void begin(void) { write_all(); }

void decided(uint32_t step, uint8_t state, uint8_t action) { (void)step, (void)state, (void)action; }

void rewarded(uint8_t state, uint8_t action, int16_t signal_q7)
{
	uint32_t pair = state * N_ACTIONS + action;
	won[pair] += (reward_u16(signal_q7) + 128) >> 8;
	tried[pair] += 256;
	value[pair] = quotient_u16(won[pair], tried[pair]);
	write_row(state);
}
