/* The published plasticity network with its faults: plasticity/plasticity_network_published.py. */
#include "ppu.h"

#define N_INPUTS 5
#define N_HIDDEN 7
#define ONE_Q26 (1 << 26)

static int32_t hidden[N_HIDDEN][N_INPUTS], bias[N_HIDDEN], output_weight[N_HIDDEN], sigmoid[512];
static uint32_t weight[2], learning_rate, pulls;

void load_program(void)
{
	int32_t *arrays[] = {&hidden[0][0], bias, output_weight, sigmoid};
	const uint16_t sizes[] = {N_HIDDEN * N_INPUTS, N_HIDDEN, N_HIDDEN, 512};
	learning_rate = mailbox_u32();
	for (uint32_t array = 0; array < 4; array++)
		for (uint32_t i = 0; i < sizes[array]; i++)
			arrays[array][i] = mailbox_u32();
	weight[0] = weight[1] = 48u << 26;
	pulls = 0;
}

static void write_one(uint32_t action, int8_t code)
{
	int8_t row[32];
	read_weights(0, row);
	row[1 + action] = code;
	write_weights(0, row);
}

void begin(void)
{
	for (uint32_t arm = 0; arm < 2; arm++)
		write_one(arm, weight[arm] >> 26);
}

void decided(uint32_t step, uint8_t state, uint8_t action) { (void)step, (void)state, (void)action; }

static int32_t saturated(int64_t x)
{
	if (x > 0x7fffffff)
		return 0x7fffffff;
	return x < -0x7fffffff ? -0x7fffffff : (int32_t)x;
}

static int32_t change(const int32_t *x)
{
	int64_t output = 0;
	for (uint32_t j = 0; j < N_HIDDEN; j++) {
		int64_t total = bias[j];
		for (uint32_t i = 0; i < N_INPUTS; i++)
			total += ((int64_t)x[i] * hidden[j][i]) >> 26;
		int32_t h = sigmoid[((saturated(total) >> 1) + (1 << 30)) >> 22] >> 5;
		output += ((int64_t)h * output_weight[j]) >> 26;
	}
	return ((int64_t)saturated(output) * learning_rate) >> 32;
}

void rewarded(uint8_t state, uint8_t action, int16_t signal_q7)
{
	(void)state;
	for (uint32_t arm = 0; arm < 2; arm++) {
		int32_t x[] = {
			pulls << 18,
			signal_q7 > 0 ? ONE_Q26 : -ONE_Q26,
			arm == action ? ONE_Q26 : -ONE_Q26,
			weight[arm] >> 6,
			weight[1 - arm] >> 6,
		};
		int64_t moved = (int64_t)weight[arm] + change(x);
		weight[arm] = moved < 0 ? 0 : moved > 0xffffffff ? 0xffffffff : moved;
	}
	write_one(action, (weight[action] >> 27) + 32);
	pulls++;
}
