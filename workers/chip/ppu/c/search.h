/* A search on the processor: what its files share. README.md says what it is, and search.c how it goes. */
#pragma once
#include "ppu.h"

#ifndef N_DIM
#define N_DIM 7 /* coordinates; constants_*.c say how many a rule needs */
#endif
#ifndef N_TRACE
#define N_TRACE 256 /* generations that the trace holds */
#endif
#define MAILBOX_BYTES 4096
#define MAX_CANDIDATES 64
#define MAX_X 65535
#define MIN_SIGMA 16
#define MAX_SIGMA 32768

/* The mailbox in a search. The host writes all of it before the run bit is set; what changes from one
 * generation to the next lies here and nowhere else, so that a search goes on from a copy of it. */
struct search {
	uint32_t run;                                      /* seed */
	uint32_t n_generations, n_tasks, n_steps;          /* until which, of each, of an episode */
	uint32_t n_pairs, halve_every, shift;              /* constants of the algorithm */
	uint32_t g, sigma, alpha;                          /* state: generations that are done */
	int32_t m[N_DIM];                                  /* momentum */
	struct { uint32_t total, best; } trace[N_TRACE];   /* of the fitness of each generation */
	uint16_t x[N_DIM];                                 /* the point to deploy */
	uint8_t rule[];                                    /* what the rule's load_program reads */
};

extern union mailbox {
	struct search search;
	uint8_t bytes[MAILBOX_BYTES];
} mailbox;
_Static_assert(sizeof(union mailbox) == MAILBOX_BYTES, "the mailbox holds 4096 bytes: lower N_TRACE");

/* words.c */
enum purpose { NOISE = 1, TASK, EPISODE, ACCEPT };
uint32_t word(enum purpose purpose, uint32_t g, uint32_t i);
uint32_t next_word(uint32_t *generator);
uint32_t below(uint32_t w, uint32_t n);

/* make_mdp.c, make_bandit.c */
void make_task(uint32_t task_word);
uint8_t merit_q7(uint8_t action, int16_t signal_q7);

/* constants_*.c, by means of search.c */
void write_constants(const uint16_t *x);
void put_u8(uint32_t value);
void put_u16(uint32_t value);
void put_u32(uint32_t value);
void skip(uint32_t n_bytes);

/* evolution.c, one_plus_one.c, spsa.c or annealing.c, with point.c */
uint32_t n_candidates(void);
void candidate(uint32_t i, uint16_t *point);
void tell(const uint32_t *fitness);
int32_t noise(uint32_t *generator);
uint16_t clip_x(int32_t x);
void step_away(uint32_t pair, int32_t sign, uint16_t *point);
void halve_widths(void);

/* chip_search.c or linux.c */
void generation_done(const uint32_t *fitness);
void sleep(void) __attribute__((noreturn));
