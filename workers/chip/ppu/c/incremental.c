/* The value of the chosen action moves towards its reward: plasticity/incremental.py, fictive.py. */
#include "action_values.h"

static uint16_t rate_q15[N_PAIRS], decay_q15, fictive_q15;

static int32_t scaled(int32_t rate, int32_t factor) { return (rate * factor + (1 << 14)) >> 15; }

void load_program(void)
{
	uint16_t initial = mailbox_u16(), rate;
	low_u6 = mailbox_u8();
	rate = mailbox_u16();
	decay_q15 = mailbox_u16();
	fictive_q15 = mailbox_u16();
	for (uint32_t pair = 0; pair < N_PAIRS; pair++) {
		value[pair] = initial;
		rate_q15[pair] = rate;
	}
}

void begin(void) { write_all(); }

void decided(uint32_t step, uint8_t state, uint8_t action) { (void)step, (void)state, (void)action; }

void rewarded(uint8_t state, uint8_t action, int16_t signal_q7)
{
	uint32_t first = state * N_ACTIONS, pair = first + action;
	int32_t reward = reward_u16(signal_q7), rate = rate_q15[pair];
	value[pair] = towards(value[pair], reward, rate);
	if (fictive_q15 > 0) {
		int32_t fictive = scaled(rate, fictive_q15);
		for (uint32_t other = first; other < first + N_ACTIONS; other++)
			if (other != pair)
				value[other] = towards(value[other], 65535 - reward, fictive);
	}
	write_row(state);
	rate_q15[pair] = scaled(rate, decay_q15);
}
