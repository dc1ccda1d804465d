/* A whole search: generations of candidates, which meet the same tasks, without a word from outside.
 *
 * The host writes code and mailbox and sets the run bit. When the processor sleeps, the mailbox holds the point
 * to deploy, and the fitness of each generation. */
#include "search.h"

static struct search *const search = &mailbox.search;
static uint16_t point[N_DIM];
static uint32_t fitness[MAX_CANDIDATES];
static uint32_t offset; /* of the next byte of search->rule */

/* The rule's constants lie as bytes in the order in which its load_program reads them. The search writes them
 * for each candidate as the host would for an episode; they stay, so that the next episode finds them. */
uint8_t mailbox_u8(void) { return search->rule[offset++]; }

void put_u8(uint32_t value) { search->rule[offset++] = value; }

void put_u16(uint32_t value)
{
	put_u8(value >> 8);
	put_u8(value);
}

void put_u32(uint32_t value)
{
	put_u16(value >> 16);
	put_u16(value);
}

void skip(uint32_t n_bytes) { offset += n_bytes; }

/* The weight of every synapse from one action neuron to another: a coordinate of [6.3, 63]. */
static void write_inhibition(uint32_t x)
{
	uint8_t code_u6 = udiv((63 * (131072 + 9 * (2 * x + 1)) >> 17) + 5, 10);
	int8_t row[32];
	for (uint32_t action = 0; action < N_ACTIONS; action++) {
		read_weights(N_STATES + action, row);
		for (uint32_t other = 0; other < N_ACTIONS; other++)
			if (other != action)
				row[N_STATES + other] = code_u6;
		write_weights(N_STATES + action, row);
	}
}

/* The sum of merits of an episode, whose random numbers begin at a word. */
static uint32_t run_episode(uint32_t seed)
{
	uint32_t sum = 0;
	uint8_t state = start_state, successor, action;
	int16_t signal_q7;
	random_state = seed;
	offset = 0;
	load_program();
	begin();
	send(INHIBITORY_ROWS, ROUTER_ADDRESS, N_SILENCE_SPIKES); /* the episode before may reverberate */
	wait_cycles(SETTLE_CYCLES);
	for (uint32_t step = 0; step < search->n_steps; step++) {
		action = decide(state);
		decided(step, state, action);
		send(INHIBITORY_ROWS, ROUTER_ADDRESS, N_SILENCE_SPIKES);
		successor = environment_step(state, action, &signal_q7);
		sum += merit_q7(action, signal_q7);
		rewarded(state, action, signal_q7);
		state = successor;
		wait_cycles(SETTLE_CYCLES);
	}
	return sum;
}

static uint32_t fitness_of(uint32_t i, uint32_t seed)
{
	candidate(i, point);
	offset = 0;
	write_constants(point);
	write_inhibition(point[N_DIM - 1]);
	return run_episode(seed);
}

static void record_generation(void)
{
	uint32_t total = 0, best = 0;
	for (uint32_t i = 0; i < n_candidates(); i++) {
		total += fitness[i];
		if (fitness[i] > best)
			best = fitness[i];
	}
	if (search->g < N_TRACE) {
		search->trace[search->g].total = total;
		search->trace[search->g].best = best;
	}
}

static void run_generation(void)
{
	for (uint32_t i = 0; i < n_candidates(); i++)
		fitness[i] = 0;
	for (uint32_t k = 0; k < search->n_tasks; k++) {
		uint32_t seed = word(EPISODE, search->g, k);
		make_task(word(TASK, search->g, k));
		for (uint32_t i = 0; i < n_candidates(); i++)
			fitness[i] += fitness_of(i, seed);
	}
	record_generation();
	tell(fitness);
	search->g++;
	generation_done(fitness);
}

void start(void)
{
	while (search->g < search->n_generations)
		run_generation();
	sleep();
}
