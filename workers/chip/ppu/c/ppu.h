/* What the programs share: the chip as the plasticity processor sees it. See README.md.
 *
 * The chip's vector instructions are unknown to a PowerPC compiler. Each is one word, so each is
 * written here as one word, with its name as a comment where it is used. The code is therefore as
 * long as that of the chip, and cannot run.
 */
#pragma once
#include <stdint.h>

/* C leaves the shift of a negative number to the right, and a number too large for a signed type,
 * to the compiler. The programs need what every known one does: round down, and wrap. */
_Static_assert(-3 >> 1 == -2, "a signed shift must round down");
_Static_assert((int16_t)0xfffe == -2, "a conversion to a signed type must wrap");

#ifndef N_STATES
#define N_STATES 6
#endif
#ifndef N_ACTIONS
#define N_ACTIONS 8
#endif
#define N_PAIRS (N_STATES * N_ACTIONS)
#ifdef N_UPDATES /* count.c */
#define VECTOR(name) asm volatile("nop # " name ::: "memory")
#else
#define VECTOR(name) asm volatile(".long 0x14000000 # " name ::: "memory")
#endif

extern uint8_t mailbox_base[];
#define ENVIRONMENT __attribute__((section("environment,\"aw\",@nobits#")))
#define COUNTERS ((volatile uint32_t *)0xf8000000)
#define SETTLE_CYCLES 2000
#define ROUTER_ADDRESS 50
#define INHIBITORY_ROWS (((1u << N_ACTIONS) - 1) << N_STATES)
#define N_SILENCE_SPIKES 10
#define SPIKES ((volatile uint32_t *)0xf0000100)

/* arithmetic.c */
extern uint32_t random_state;
uint32_t draw_by_byte(uint32_t n);
uint32_t draw_by_word(uint32_t n);
uint32_t udiv(uint32_t n, uint32_t d);
int32_t clip(int32_t x, int32_t low, int32_t high);
uint32_t mailbox_u32(void);

/* chip.c, or linux.c */
void wait_cycles(uint32_t cycles);
void read_weights(uint32_t row, int8_t *weights);
void write_weights(uint32_t row, const int8_t *weights);
uint8_t decide(uint8_t state);
void send(uint32_t rows, uint32_t address, uint32_t n_spikes);

/* mailbox.c, or search.c */
uint8_t mailbox_u8(void);

/* environment: mdp.c or maze.c */
void load_environment(void);
uint8_t environment_step(uint8_t state, uint8_t action, int16_t *signal_q7);
extern uint8_t start_state;

/* program: td_lambda.c, td_published.c, incremental.c and others */
void load_program(void);
void begin(void);
void decided(uint32_t step, uint8_t state, uint8_t action);
void rewarded(uint8_t state, uint8_t action, int16_t signal_q7);
