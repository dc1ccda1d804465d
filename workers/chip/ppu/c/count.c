/* A rule alone, run by an emulator that counts instructions: see ../instructions.py. */
#include "linux.h"
#include "ppu.h"

uint8_t mailbox_base[4096] __attribute__((aligned(4)));
uint8_t start_state;

void load_environment(void) {}

uint8_t environment_step(uint8_t state, uint8_t action, int16_t *signal_q7)
{
	(void)action, (void)signal_q7;
	return state;
}

void _start(void)
{
	uint32_t random = 1;
	for (uint32_t i = 0; i < sizeof mailbox_base; i++)
		mailbox_base[i] = 0x11;
	load_program();
	begin();
	for (uint32_t step = 0; step < N_UPDATES; step++) {
		random = 1664525u * random + 1013904223u;
		uint8_t action = (random >> 24) % N_ACTIONS;
		decided(step, 0, action);
		rewarded(0, action, random >> 31 ? 127 : 0);
	}
	system_call(EXIT, 0, 0, 0);
	__builtin_unreachable();
}
