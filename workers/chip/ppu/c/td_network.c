/* A network in the place of the TD error: plasticity/td_network.py. */
#define N_INPUTS 5
#include "network.h"

static int8_t trace_q7[N_PAIRS];
static uint8_t decay_q7;
static uint32_t elapsed_q24, share_q24;
static int32_t last_pair;
static int16_t last_signal_q7;

void load_program(void)
{
	int16_t *arrays[] = {&hidden_q12[0][0], bias_q12, output_q12, sigmoid_q15};
	const uint16_t sizes[] = {N_HIDDEN * N_INPUTS, N_HIDDEN, N_HIDDEN, N_POINTS};
	uint16_t initial = mailbox_u16();
	low_u6 = mailbox_u8();
	decay_q7 = mailbox_u8();
	share_q24 = mailbox_u32();
	for (uint32_t array = 0; array < 4; array++)
		for (uint32_t i = 0; i < sizes[array]; i++)
			arrays[array][i] = mailbox_u16();
	for (uint32_t pair = 0; pair < N_PAIRS; pair++) {
		value[pair] = initial;
		trace_q7[pair] = 0;
	}
	elapsed_q24 = 0;
	last_pair = -1;
}

void begin(void) { write_all(); }

static void update(uint32_t pair)
{
	int32_t change, second_change, x[N_INPUTS];
	x[0] = last_signal_q7 * 32;
	x[1] = value[last_pair] >> 4;
	x[2] = value[pair] >> 4;
	x[4] = elapsed_q24 >> 12;
	for (uint32_t i = 0; i < N_PAIRS; i++) {
		trace_q7[i] = i == (uint32_t)last_pair ? 127 : (trace_q7[i] * decay_q7) >> 7;
		if (trace_q7[i] > 0) {
			x[3] = trace_q7[i] << 5;
			evaluate(x, &change, &second_change);
			value[i] = clip(value[i] + ((change * trace_q7[i] + 64) >> 7), 0, 65535);
		}
	}
}

void decided(uint32_t step, uint8_t state, uint8_t action)
{
	uint32_t pair = state * N_ACTIONS + action;
	(void)step;
	if (last_pair >= 0) {
		update(pair);
		write_all();
	}
	last_pair = pair;
	elapsed_q24 = clip(elapsed_q24 + share_q24, 0, 1 << 24);
}

void rewarded(uint8_t state, uint8_t action, int16_t signal_q7)
{
	(void)state, (void)action;
	last_signal_q7 = signal_q7;
}
