/* Q-learning with a falling rate, whose synapses hold advantages: plasticity/td_advantage.py. */
#include "ppu.h"

#define N_RATES 128
static uint16_t rate_q15[N_RATES], gain;
static int16_t values[N_PAIRS], last_signal_q7, last_pair;
static uint8_t visits[N_PAIRS], gamma_q7, best_u6, dropped_bits, to_best;
static int16_t initial;

static uint16_t mailbox_u16(void)
{
	uint16_t upper = mailbox_u8();
	return upper << 8 | mailbox_u8();
}

void load_program(void)
{
	gamma_q7 = mailbox_u8();
	gain = mailbox_u16();
	best_u6 = mailbox_u8();
	initial = mailbox_u16();
	dropped_bits = mailbox_u8();
	to_best = mailbox_u8();
	for (uint32_t i = 0; i < N_RATES; i++)
		rate_q15[i] = mailbox_u16();
	for (uint32_t i = 0; i < N_PAIRS; i++) {
		values[i] = initial;
		visits[i] = 0;
	}
	last_pair = -1;
}

static int32_t best_value(uint32_t state)
{
	int16_t *row = values + state * N_ACTIONS;
	int32_t best = row[0];
	for (uint32_t action = 1; action < N_ACTIONS; action++)
		if (row[action] > best)
			best = row[action];
	return best;
}

static void write_row(uint32_t state)
{
	int8_t row[32];
	int32_t best = to_best ? best_value(state) : initial;
	read_weights(state, row);
	for (uint32_t action = 0; action < N_ACTIONS; action++) {
		int32_t below = best - values[state * N_ACTIONS + action];
		row[N_STATES + action] = clip(best_u6 - ((below * gain + (1 << 12)) >> 13), 0, 63);
	}
	write_weights(state, row);
}

void begin(void)
{
	for (uint32_t state = 0; state < N_STATES; state++)
		write_row(state);
}

static void update(uint32_t pair, uint32_t successor)
{
	int32_t ahead = clip((best_value(successor) * gamma_q7 + 64) >> 7, -32768, 32767);
	int32_t target = clip(last_signal_q7 * 64 + ahead, -32768, 32767);
	int32_t error = clip(target - values[pair], -32768, 32767);
	int32_t moved = values[pair] + ((error * rate_q15[visits[pair]] + (1 << 14)) >> 15);
	moved = clip(moved, -32768, 32767) + ((1 << dropped_bits) >> 1);
	values[pair] = clip((moved >> dropped_bits) * (1 << dropped_bits), -32768, 32767);
	if (visits[pair] < N_RATES - 1)
		visits[pair]++;
}

void decided(uint32_t step, uint8_t state, uint8_t action)
{
	(void)step;
	if (last_pair >= 0) {
		update(last_pair, state);
		write_row(udiv(last_pair, N_ACTIONS));
	}
	last_pair = state * N_ACTIONS + action;
}

void rewarded(uint8_t state, uint8_t action, int16_t signal_q7)
{
	(void)state, (void)action;
	last_signal_q7 = signal_q7;
}
