/* Values of actions as fractions of 2^16 and their codes: plasticity/action_values.py. */
#pragma once
#include "ppu.h"

static uint16_t value[N_PAIRS];
static uint8_t low_u6;

static inline uint16_t mailbox_u16(void)
{
	uint16_t upper = mailbox_u8();
	return upper << 8 | mailbox_u8();
}

static inline int32_t reward_u16(int16_t signal_q7) { return clip(signal_q7 * 517, 0, 65535); }

static inline int32_t towards(int32_t from, int32_t target, int32_t rate_q15)
{
	return from + ((rate_q15 * (target - from) + (1 << 14)) >> 15);
}

static void write_row(uint32_t state)
{
	int8_t row[32];
	read_weights(state, row);
	for (uint32_t action = 0; action < N_ACTIONS; action++)
		row[N_STATES + action] =
			low_u6 + ((value[state * N_ACTIONS + action] * (63 - low_u6) + (1 << 15)) >> 16);
	write_weights(state, row);
}

static void write_all(void)
{
	for (uint32_t state = 0; state < N_STATES; state++)
		write_row(state);
}
