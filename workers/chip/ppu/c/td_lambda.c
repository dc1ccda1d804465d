/* SARSA with replacing traces and rescaling, in saturating integers: plasticity/td_lambda.py. */
#include "ppu.h"

static int16_t table[N_PAIRS], upper, lower;
static int8_t trace_q7[N_PAIRS];
static int16_t scale_q7, last_signal_q7;
static int32_t last_pair;
static uint8_t gamma_q7, lambda_q7, eta_q7;
static uint32_t rescale_period, next_rescale;

static int32_t mul_q7(int32_t a, int32_t q7) { return clip((a * q7 + 64) >> 7, -32768, 32767); }

void load_program(void)
{
	int16_t initial;
	gamma_q7 = mailbox_u8();
	lambda_q7 = mailbox_u8();
	eta_q7 = mailbox_u8();
	scale_q7 = mailbox_u8();
	lower = mailbox_u8() << 7;
	upper = mailbox_u8() << 7;
	initial = mailbox_u8() << 7;
	rescale_period = mailbox_u32();
	for (uint32_t i = 0; i < N_PAIRS; i++) {
		table[i] = initial;
		trace_q7[i] = 0;
	}
	last_pair = -1;
	next_rescale = rescale_period;
}

static void write_table(void)
{
	int8_t row[32];
	for (uint32_t state = 0; state < N_STATES; state++) {
		read_weights(state, row);
		for (uint32_t action = 0; action < N_ACTIONS; action++)
			row[N_STATES + action] = clip((table[state * N_ACTIONS + action] + 64) >> 7, 0, 63);
		write_weights(state, row);
	}
}

void begin(void) { write_table(); }

static void update(uint32_t pair)
{
	int32_t target = clip(last_signal_q7 * 64 + mul_q7(table[pair], gamma_q7), -32768, 32767);
	int32_t step = mul_q7(clip(target - table[last_pair], -32768, 32767), eta_q7);
	int32_t decay_q7 = (gamma_q7 * lambda_q7 + 64) >> 7;
	for (uint32_t i = 0; i < N_PAIRS; i++) {
		int32_t trace = (trace_q7[i] * decay_q7) >> 7;
		if (i == (uint32_t)last_pair)
			trace = clip(trace + 127, -128, 127);
		trace_q7[i] = trace;
		table[i] = clip(table[i] + mul_q7(step, trace), 0, 63 << 7);
	}
}

static void rescale(void)
{
	for (uint32_t state = 0; state < N_STATES; state++) {
		int16_t *values = table + state * N_ACTIONS, least = values[0], most = values[0];
		for (uint32_t action = 1; action < N_ACTIONS; action++) {
			if (values[action] < least)
				least = values[action];
			if (values[action] > most)
				most = values[action];
		}
		for (uint32_t action = 0; action < N_ACTIONS; action++)
			if (least == most)
				values[action] = upper;
			else
				values[action] = lower + udiv((values[action] - least) * (upper - lower)
					+ ((most - least) >> 1), most - least);
	}
}

void decided(uint32_t step, uint8_t state, uint8_t action)
{
	uint32_t pair = state * N_ACTIONS + action;
	if (last_pair >= 0) {
		update(pair);
		if (step == next_rescale) {
			rescale();
			next_rescale += rescale_period;
		}
		write_table();
	}
	last_pair = pair;
}

void rewarded(uint8_t state, uint8_t action, int16_t signal_q7)
{
	(void)state, (void)action;
	last_signal_q7 = mul_q7(signal_q7, scale_q7);
}
