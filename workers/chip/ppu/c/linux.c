/* In place of the chip, for an emulator of the instruction set: the largest weight code wins.
 *
 * The mailbox comes from standard input. After each generation state and fitness go to standard output as words,
 * in the processor's order of bytes: g, sigma, alpha, x, m, and the fitness of each candidate; then all variables as
 * they lie in memory, from which tests read by the linker's addresses what the last episode left. */
#include "search.h"
#include "linux.h"

union mailbox mailbox;
static int8_t weight[32][32];

extern const uint8_t __bss_start[], _end[]; /* the linker's: where variables begin and end */

static void print(const void *data, uint32_t n_bytes)
{
	if (system_call(WRITE, 1, data, n_bytes) != (int32_t)n_bytes)
		system_call(EXIT, 1, 0, 0);
}

static void print_word(uint32_t x) { print(&x, sizeof x); }

void wait_cycles(uint32_t cycles) { (void)cycles; }
void send(uint32_t rows, uint32_t address, uint32_t n_spikes) { (void)rows, (void)address, (void)n_spikes; }

void read_weights(uint32_t row, int8_t *weights)
{
	for (uint32_t column = 0; column < 32; column++)
		weights[column] = weight[row][column];
}

void write_weights(uint32_t row, const int8_t *weights)
{
	for (uint32_t column = 0; column < 32; column++)
		weight[row][column] = weights[column];
}

/* Ties are drawn as neurons that fired are: by a byte, in ascending order. */
uint8_t decide(uint8_t state)
{
	const int8_t *code = weight[state] + N_STATES;
	uint32_t n_best = 0, rank;
	int8_t best = 0;
	uint8_t action = 0;
	for (uint32_t other = 0; other < N_ACTIONS; other++) {
		if (code[other] > best || other == 0) {
			best = code[other];
			n_best = 0;
		}
		n_best += code[other] == best;
	}
	rank = draw_by_byte(n_best);
	while (code[action] != best || rank-- > 0)
		action++;
	return action;
}

void generation_done(const uint32_t *fitness)
{
	const struct search *search = &mailbox.search;
	print_word(search->g);
	print_word(search->sigma);
	print_word(search->alpha);
	for (uint32_t j = 0; j < N_DIM; j++)
		print_word(search->x[j]);
	print(search->m, sizeof search->m);
	print(fitness, n_candidates() * sizeof *fitness);
	print(__bss_start, _end - __bss_start);
}

void sleep(void)
{
	system_call(EXIT, 0, 0, 0);
	__builtin_unreachable();
}

void start(void);

void _start(void)
{
	uint32_t n_read = 0;
	while (n_read < MAILBOX_BYTES) {
		int32_t n = system_call(READ, 0, mailbox.bytes + n_read, MAILBOX_BYTES - n_read);
		if (n <= 0)
			system_call(EXIT, 1, 0, 0);
		n_read += n;
	}
	start();
}
