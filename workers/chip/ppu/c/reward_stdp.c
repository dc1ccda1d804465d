/* Reward-modulated STDP on the vector unit: plasticity/reward_stdp.py. */
#include "ppu.h"

#define ROW 32
static uint8_t fraction_u7[N_STATES * ROW];
static int8_t trace[N_STATES * ROW], actions[ROW], correlation[ROW];
static int16_t offset[N_STATES * ROW], total[ROW], baseline;
static uint8_t initial_u6, readings, doublings, trace_decay_q7, baseline_rate_q7, chosen_only;
static uint16_t mean_q15, eta_u16;

void load_program(void)
{
	initial_u6 = mailbox_u8();
	readings = mailbox_u8();
	doublings = mailbox_u8();
	trace_decay_q7 = mailbox_u8();
	baseline_rate_q7 = mailbox_u8();
	chosen_only = mailbox_u8();
	mean_q15 = mailbox_u8() << 8;
	mean_q15 |= mailbox_u8();
	eta_u16 = mailbox_u8() << 8;
	eta_u16 |= mailbox_u8();
	baseline = 0;
	for (uint32_t i = 0; i < ROW; i++)
		actions[i] = i >= N_STATES && i < N_STATES + N_ACTIONS;
	for (uint32_t i = 0; i < N_STATES * ROW; i++) {
		fraction_u7[i] = 64;
		trace[i] = 0;
	}
}

/* Each half of a row is one vector of bytes, or two of halfwords. */
static void sum_readings(uint32_t row, int16_t *sums)
{
	for (uint32_t half = 0; half < 2; half++) {
		asm volatile("" ::"r"(2 * row + half), "r"(sums + 16 * half) : "memory");
		VECTOR("fxvsplath"); /* zero, then left and right sum */
		VECTOR("fxvsplath");
		VECTOR("fxvsplath");
		for (uint32_t i = 0; i < readings; i++) {
			VECTOR("fxvinx");
			VECTOR("fxvupckbl");
			VECTOR("fxvaddhm");
			VECTOR("fxvupckbr");
			VECTOR("fxvaddhm");
		}
		VECTOR("fxvstax");
		VECTOR("fxvstax");
	}
	asm volatile("sync" ::: "memory");
}

static void reset_sensors(uint32_t row)
{
	for (uint32_t half = 0; half < 2; half++) {
		asm volatile("" ::"r"(0x9000 + 2 * row + half) : "memory");
		VECTOR("fxvoutx");
	}
}

void begin(void)
{
	int8_t weights[ROW];
	for (uint32_t row = 0; row < N_STATES; row++) {
		read_weights(row, weights);
		for (uint32_t action = 0; action < N_ACTIONS; action++)
			weights[N_STATES + action] = initial_u6;
		write_weights(row, weights);
		reset_sensors(row);
		sum_readings(row, offset + ROW * row);
	}
}

static void decay(void)
{
	asm volatile("" ::"r"(trace_decay_q7));
	VECTOR("fxvsplatb");
	VECTOR("fxvsplath");
	for (uint32_t i = 0; i < N_STATES * 2; i++) {
		asm volatile("" ::"r"(trace + 16 * i) : "memory");
		VECTOR("fxvlax");
		VECTOR("fxvupckbl");
		VECTOR("fxvshh");
		VECTOR("fxvshh");
		VECTOR("fxvmtach");
		VECTOR("fxvupckbr");
		VECTOR("fxvshh");
		VECTOR("fxvshh");
		VECTOR("fxvmabfs");
		VECTOR("fxvpckbu");
		VECTOR("fxvstax");
	}
}

static void to_correlation(const int16_t *row_offset)
{
	for (uint32_t half = 0; half < 2; half++) {
		asm volatile("" ::"r"(row_offset + 16 * half), "r"(total + 16 * half) : "memory");
		for (uint32_t quarter = 0; quarter < 2; quarter++) {
			VECTOR("fxvlax");
			VECTOR("fxvlax");
			VECTOR("fxvsubhm");
			VECTOR("fxvsplath");
			VECTOR("fxvaddhm");
			VECTOR("fxvmulhfs");
			for (uint32_t i = 0; i < doublings; i++)
				VECTOR("fxvaddhfs");
		}
		VECTOR("fxvpckbu");
		VECTOR("fxvlax"); /* the actions' columns */
		VECTOR("fxvcmpb");
		VECTOR("fxvsel");
		VECTOR("fxvstax");
	}
	asm volatile("sync" ::: "memory");
}

static void subtract_mean(int8_t *row)
{
	int32_t sum = 0;
	for (uint32_t action = 0; action < N_ACTIONS; action++)
		sum += correlation[N_STATES + action];
	asm volatile("" ::"r"((sum * mean_q15 + (1 << 14)) >> 15));
	VECTOR("fxvsplatb");
	for (uint32_t half = 0; half < 2; half++) {
		asm volatile("" ::"r"(row + 16 * half), "r"(correlation + 16 * half) : "memory");
		VECTOR("fxvlax");
		VECTOR("fxvcmpb");
		VECTOR("fxvsel");
		VECTOR("fxvlax");
		VECTOR("fxvsubbfs");
		VECTOR("fxvlax");
		VECTOR("fxvaddbfs");
		VECTOR("fxvstax");
	}
}

void decided(uint32_t step, uint8_t state, uint8_t action)
{
	(void)step;
	decay();
	sum_readings(state, total);
	reset_sensors(state);
	to_correlation(offset + ROW * state);
	if (chosen_only)
		for (uint32_t i = 0; i < ROW; i++)
			if (i != (uint32_t)(N_STATES + action))
				correlation[i] = 0;
	subtract_mean(trace + ROW * state);
}

static void learn_row(uint32_t row, int32_t factor_q15)
{
	asm volatile("" ::"r"(factor_q15));
	VECTOR("fxvsplath");
	for (uint32_t half = 0; half < 2; half++) {
		uint32_t first = ROW * row + 16 * half;
		asm volatile("" ::"r"(2 * row + half), "r"(trace + first), "r"(fraction_u7 + first)
			: "memory");
		VECTOR("fxvinx");
		VECTOR("fxvlax");
		VECTOR("fxvlax");
		for (uint32_t quarter = 0; quarter < 2; quarter++) {
			VECTOR("fxvupckbl");
			VECTOR("fxvmulhfs");
			VECTOR("fxvupckbl");
			VECTOR("fxvaddhfs");
			VECTOR("fxvsplath");
			VECTOR("fxvaddhfs");
			VECTOR("fxvcmph");
			VECTOR("fxvsel");
		}
		VECTOR("fxvpckbu");
		VECTOR("fxvpckbl");
		VECTOR("fxvoutx");
		VECTOR("fxvstax");
	}
}

void rewarded(uint8_t state, uint8_t action, int16_t signal_q7)
{
	int32_t error = clip(signal_q7 * 64 - baseline, -32768, 32767), factor_q15;
	(void)state, (void)action;
	baseline = clip(baseline + ((error * baseline_rate_q7 + 64) >> 7), -32768, 32767);
	factor_q15 = clip((error * eta_u16 + (1 << 11)) >> 12, -32768, 32767);
	for (uint32_t row = 0; row < N_STATES; row++)
		learn_row(row, factor_q15);
}
