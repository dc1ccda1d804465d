/* The chip: time, synapses, spikes and counters, and a decision of the network. */
#include "ppu.h"

static uint32_t spike_counts[N_ACTIONS];

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

static uint32_t read_counters(void)
{
	uint32_t n_fired = 0;
	for (uint32_t action = 0; action < N_ACTIONS; action++) {
		spike_counts[action] = COUNTERS[N_STATES + action]; /* reading clears it */
		n_fired += spike_counts[action] != 0;
	}
	return n_fired;
}

void send(uint32_t rows, uint32_t address, uint32_t n_spikes)
{
	for (uint32_t i = 0; i < n_spikes; i++) {
		SPIKES[address] = rows;
		wait_cycles(100);
	}
}

uint8_t decide(uint8_t state)
{
	uint32_t next = state + 1 == N_STATES ? 0 : state + 1, n_fired, rank;
	uint8_t action;
	read_counters();
	send(1u << next, N_STATES == 1 ? ROUTER_ADDRESS : state, 3); /* a single one as if it had fired */
	wait_cycles(SETTLE_CYCLES);
	n_fired = read_counters();
	if (n_fired == 0) {
		draw_by_byte(1); /* as published: the number is drawn first */
		return draw_by_byte(N_ACTIONS);
	}
	rank = draw_by_byte(n_fired);
	for (action = 0; action < N_ACTIONS; action++)
		if (spike_counts[action] != 0 && rank-- == 0)
			break;
	return action;
}
