/* The published one-step rule and rescaling, as plasticity/td_published.py has them. */
#include "ppu.h"

static uint8_t table[N_PAIRS], upper, lower, gamma_q7, lambda_q7, eta_q7;
static int8_t trace[N_PAIRS];
static int16_t last_signal_q7;
static int32_t last_pair;
static uint32_t rescale_period, next_rescale;

static void read_table(void)
{
	int8_t row[32];
	for (uint32_t state = 0; state < N_STATES; state++) {
		read_weights(state, row);
		for (uint32_t action = 0; action < N_ACTIONS; action++)
			table[state * N_ACTIONS + action] = row[N_STATES + action];
	}
}

static void write_weight(uint32_t state, uint32_t action, uint8_t weight)
{
	int8_t row[32];
	read_weights(state, row);
	row[N_STATES + action] = weight > 63 ? 63 : weight;
	write_weights(state, row);
}

void load_program(void)
{
	gamma_q7 = mailbox_u8();
	lambda_q7 = mailbox_u8();
	eta_q7 = mailbox_u8();
	lower = mailbox_u8();
	upper = mailbox_u8();
	rescale_period = mailbox_u32();
	for (uint32_t i = 0; i < N_PAIRS; i++)
		trace[i] = 0;
	last_pair = -1;
	next_rescale = rescale_period;
}

void begin(void) { read_table(); }

static void rescale(void)
{
	read_table();
	for (uint32_t state = 0; state < N_STATES; state++) {
		uint8_t *values = table + state * N_ACTIONS, least = 63, most = 0;
		int32_t slope = 0, offset = upper << 10;
		for (uint32_t action = 0; action < N_ACTIONS; action++) {
			if (values[action] < least)
				least = values[action];
			if (values[action] > most)
				most = values[action];
		}
		if (most > least) {
			slope = udiv((upper - lower) << 10, most - least);
			offset -= slope * most;
		}
		for (uint32_t action = 0; action < N_ACTIONS; action++) {
			uint8_t weight = (slope * values[action] + offset) >> 10;
			if (values[action] == least && least < most)
				weight = lower;
			write_weight(state, action, weight);
		}
	}
}

static void learn(uint32_t state, uint32_t action, int32_t delta, uint32_t bits)
{
	uint32_t pair = state * N_ACTIONS + action;
	int64_t moved = ((int64_t)table[pair] << bits) + (int64_t)delta * eta_q7;
	if (bits == 21 && moved < 0)
		moved = 0;
	table[pair] = moved >> bits;
	write_weight(state, action, table[pair]);
}

void decided(uint32_t step, uint8_t state, uint8_t action)
{
	uint32_t pair = state * N_ACTIONS + action;
	if (last_pair >= 0) {
		uint32_t last_state = udiv(last_pair, N_ACTIONS);
		int32_t delta = gamma_q7 * table[pair] - (table[last_pair] << 7) + 64 * last_signal_q7;
#ifdef TRACES
		trace[last_pair]++;
		for (uint32_t s = 0; s < N_STATES; s++)
			for (uint32_t a = 0; a < N_ACTIONS; a++) {
				int8_t *e = trace + s * N_ACTIONS + a;
				learn(s, a, delta * *e, 21);
				*e = (gamma_q7 * lambda_q7 * *e) >> 14;
			}
#else
		learn(last_state, last_pair - last_state * N_ACTIONS, delta, 14);
#endif
		if (step == next_rescale) {
			rescale();
			next_rescale += rescale_period;
		}
	}
	last_pair = pair;
}

void rewarded(uint8_t state, uint8_t action, int16_t signal_q7)
{
	(void)state, (void)action;
	last_signal_q7 = signal_q7;
}
