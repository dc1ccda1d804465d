/* A network that computes every weight change: plasticity/plasticity_network.py. */
#include "network.h"

static int16_t second_q15[N_PAIRS];
static uint32_t elapsed_q24, pulls_q24[N_PAIRS], share_q24;
static uint16_t others_q16;

void load_program(void)
{
	int16_t *arrays[] = {&hidden_q12[0][0], bias_q12, output_q12, second_output_q12, sigmoid_q15};
	const uint16_t sizes[] = {N_HIDDEN * N_INPUTS, N_HIDDEN, N_HIDDEN, N_HIDDEN, N_POINTS};
	uint16_t initial = mailbox_u16();
	low_u6 = mailbox_u8();
	share_q24 = mailbox_u32();
	others_q16 = mailbox_u16();
	for (uint32_t array = 0; array < 5; array++)
		for (uint32_t i = 0; i < sizes[array]; i++)
			arrays[array][i] = mailbox_u16();
	for (uint32_t pair = 0; pair < N_PAIRS; pair++) {
		value[pair] = initial;
		pulls_q24[pair] = 0;
		second_q15[pair] = 0;
	}
	elapsed_q24 = 0;
}

void begin(void) { write_all(); }

void decided(uint32_t step, uint8_t state, uint8_t action) { (void)step, (void)state, (void)action; }

static uint32_t share_after(uint32_t share) { return clip(share + share_q24, 0, 1 << 24); }

void rewarded(uint8_t state, uint8_t action, int16_t signal_q7)
{
	uint32_t first = state * N_ACTIONS, total = 0;
	int32_t change[N_ACTIONS], second_change[N_ACTIONS], x[7];
	for (uint32_t k = 0; k < N_ACTIONS; k++)
		total += value[first + k];
	pulls_q24[first + action] = share_after(pulls_q24[first + action]);
	x[0] = elapsed_q24 >> 12;
	x[1] = (reward_u16(signal_q7) >> 3) - ONE_Q12;
	for (uint32_t k = 0; k < N_ACTIONS; k++) {
		x[2] = k == action ? ONE_Q12 : -ONE_Q12;
		x[3] = value[first + k] >> 4;
		x[4] = ((total - value[first + k]) * others_q16 >> 16) >> 4;
		x[5] = pulls_q24[first + k] >> 12;
		x[6] = second_q15[first + k] >> 3;
		evaluate(x, &change[k], &second_change[k]);
	}
	for (uint32_t k = 0; k < N_ACTIONS; k++) {
		value[first + k] = clip(value[first + k] + change[k], 0, 65535);
		second_q15[first + k] = clip(second_q15[first + k] + second_change[k], -32768, 32767);
	}
	write_row(state);
	elapsed_q24 = share_after(elapsed_q24);
}
