/* Random numbers, division, waiting, synapses, mailbox, and the loop of decisions. */
#include "ppu.h"

uint32_t random_state;
static uint32_t read_offset, n_steps, spike_counts[N_ACTIONS];

static uint32_t lcg(void)
{
	random_state = 1664525u * random_state + 1013904223u;
	return random_state;
}

uint32_t draw_by_byte(uint32_t n) { return (lcg() >> 24) % n; }

uint32_t draw_by_word(uint32_t n) { return lcg() % n; }

/* Division in software, as the published program divides when it rescales. */
uint32_t udiv(uint32_t n, uint32_t d)
{
	uint32_t quotient = 0;
	for (int bit = 31; bit >= 0; bit--)
		if ((n >> bit) >= d) {
			n -= d << bit;
			quotient |= 1u << bit;
		}
	return quotient;
}

int32_t clip(int32_t x, int32_t low, int32_t high)
{
	if (x < low)
		return low;
	return x > high ? high : x;
}

static uint32_t clock(void)
{
	uint32_t cycles;
	asm volatile("mftb %0" : "=r"(cycles));
	return cycles;
}

void wait_cycles(uint32_t cycles)
{
	uint32_t begin = clock();
	while (clock() - begin < cycles)
		;
}

void read_weights(uint32_t row, int8_t *weights)
{
	for (uint32_t half = 0; half < 2; half++) {
		asm volatile("" ::"r"(2 * row + half), "r"(weights + 16 * half) : "memory");
		VECTOR("fxvinx");
		VECTOR("fxvstax");
	}
	asm volatile("sync" ::: "memory");
}

void write_weights(uint32_t row, const int8_t *weights)
{
	for (uint32_t half = 0; half < 2; half++) {
		asm volatile("" ::"r"(2 * row + half), "r"(weights + 16 * half) : "memory");
		VECTOR("fxvlax");
		VECTOR("fxvoutx");
	}
}

/* What is read is cleared, so that the mailbox can take the record of the episode. */
uint8_t mailbox_u8(void)
{
	uint8_t value = mailbox_base[read_offset];
	mailbox_base[read_offset++] = 0;
	return value;
}

uint32_t mailbox_u32(void)
{
	uint32_t value = 0;
	for (int i = 0; i < 4; i++)
		value = value << 8 | mailbox_u8();
	return value;
}

static uint32_t read_counters(void)
{
	uint32_t n_fired = 0;
	for (uint32_t action = 0; action < N_ACTIONS; action++) {
		spike_counts[action] = COUNTERS[N_STATES + action]; /* reading clears it */
		n_fired += spike_counts[action] != 0;
	}
	return n_fired;
}

static void send(uint32_t rows, uint32_t address, uint32_t n_spikes)
{
	for (uint32_t i = 0; i < n_spikes; i++) {
		SPIKES[address] = rows;
		wait_cycles(100);
	}
}

static uint8_t decide(uint8_t state)
{
	uint32_t next = state + 1 == N_STATES ? 0 : state + 1, n_fired, rank;
	uint8_t action;
	read_counters();
	send(1u << next, state, 3);
	wait_cycles(2000);
	n_fired = read_counters();
	rank = draw_by_byte(n_fired);
	if (n_fired == 0)
		return draw_by_byte(N_ACTIONS);
	for (action = 0; action < N_ACTIONS; action++)
		if (spike_counts[action] != 0 && rank-- == 0)
			break;
	return action;
}

static void record(uint32_t step, uint8_t state, uint8_t action)
{
	mailbox_base[step] = state;
	mailbox_base[0x800 + step] = action;
	*(volatile uint32_t *)(mailbox_base + 0xffc) = step;
}

void start(void)
{
	uint8_t state, successor, action;
	int16_t signal_q7;
	random_state = mailbox_u32();
	n_steps = mailbox_u32();
	load_environment();
	load_program();
	begin();
	state = start_state;
	for (uint32_t step = 0; step < n_steps; step++) {
		action = decide(state);
		decided(step, state, action);
		send(((1u << N_ACTIONS) - 1) << N_STATES, 50, 10);
		successor = environment_step(state, action, &signal_q7);
		rewarded(state, action, signal_q7);
		record(step, state, action);
		state = successor;
		wait_cycles(2000);
	}
}
