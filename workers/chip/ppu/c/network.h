/* The network of plasticity_network.c and td_network.c: N_INPUTS inputs, one or two outputs. */
#pragma once
#include "action_values.h"
#include "plasticity_network.h"

#define N_POINTS 257
#define POINT_BITS 8
#define ONE_Q12 4096

static int16_t hidden_q12[N_HIDDEN][N_INPUTS], bias_q12[N_HIDDEN], output_q12[N_HIDDEN];
static int16_t second_output_q12[N_HIDDEN], sigmoid_q15[N_POINTS];

static int32_t activation_q12(int32_t a)
{
	uint32_t above = clip(a, -8 * ONE_Q12, 8 * ONE_Q12 - 1) + 8 * ONE_Q12, point = above >> POINT_BITS;
	int32_t low = sigmoid_q15[point], between = sigmoid_q15[point + 1] - low;
	between *= (int32_t)(above - (point << POINT_BITS));
	return (low + ((between + (1 << (POINT_BITS - 1))) >> POINT_BITS)) >> 3;
}

static void evaluate(const int32_t *x, int32_t *change, int32_t *second_change)
{
	int32_t output = 0, second = 0;
	for (uint32_t j = 0; j < N_HIDDEN; j++) {
		int32_t total = bias_q12[j] * ONE_Q12, hidden;
		for (uint32_t i = 0; i < N_INPUTS; i++)
			total += x[i] * hidden_q12[j][i];
		hidden = activation_q12((total + (1 << 11)) >> 12);
		output += hidden * output_q12[j];
		if (N_INPUTS > 5)
			second += hidden * second_output_q12[j];
	}
	*change = (output + (1 << 13)) >> 14;
	*second_change = (second + (1 << 14)) >> 15;
}
