/* A change of a value is a sum of a few terms: plasticity/formula.py. */
#include "action_values.h"

#define N_TERMS 14
#define ONE_Q12 4096

static int16_t coefficient_q13[2][N_TERMS];
static uint32_t elapsed_q24, share_q24;
static uint16_t others_q16;

void load_program(void)
{
	uint16_t initial = mailbox_u16();
	low_u6 = mailbox_u8();
	share_q24 = mailbox_u32();
	others_q16 = mailbox_u16();
	for (uint32_t chosen = 0; chosen < 2; chosen++)
		for (uint32_t i = 0; i < N_TERMS; i++)
			coefficient_q13[chosen][i] = mailbox_u16();
	for (uint32_t pair = 0; pair < N_PAIRS; pair++)
		value[pair] = initial;
	elapsed_q24 = 0;
}

void begin(void) { write_all(); }

void decided(uint32_t step, uint8_t state, uint8_t action) { (void)step, (void)state, (void)action; }

static int32_t rounded(int32_t number, uint32_t bits) { return (number + (1 << (bits - 1))) >> bits; }

static int32_t change_q16(const int32_t *x, const int16_t *coefficients)
{
	int32_t total = 0;
	for (uint32_t i = 0; i < N_TERMS; i++)
		total += x[i] * coefficients[i];
	return rounded(total, 9);
}

void rewarded(uint8_t state, uint8_t action, int16_t signal_q7)
{
	uint32_t first = state * N_ACTIONS, total = 0;
	int32_t change[N_ACTIONS], x[N_TERMS];
	for (uint32_t k = 0; k < N_ACTIONS; k++)
		total += value[first + k];
	x[0] = ONE_Q12;
	x[1] = rounded(reward_u16(signal_q7), 4);
	x[4] = rounded(elapsed_q24, 12);
	for (uint32_t k = 0; k < N_ACTIONS; k++) {
		uint32_t place = 5;
		x[2] = rounded(value[first + k], 4);
		x[3] = rounded((total - value[first + k]) * others_q16 >> 16, 4);
		for (uint32_t i = 1; i < 5; i++)
			for (uint32_t j = i > 2 ? i : 2; j < 5; j++)
				x[place++] = rounded(x[i] * x[j], 12);
		change[k] = change_q16(x, coefficient_q13[k == action]);
	}
	for (uint32_t k = 0; k < N_ACTIONS; k++)
		value[first + k] = clip(value[first + k] + change[k], 0, 65535);
	write_row(state);
	elapsed_q24 = clip(elapsed_q24 + share_q24, 0, 1 << 24);
}
