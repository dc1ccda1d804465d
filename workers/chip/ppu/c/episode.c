/* One episode, whose task and constants come through the mailbox. */
#include "ppu.h"

static void record(uint32_t step, uint8_t state, uint8_t action)
{
	mailbox_base[step] = state;
	mailbox_base[0x800 + step] = action;
	*(volatile uint32_t *)(mailbox_base + 0xffc) = step;
}

void start(void)
{
	uint8_t state, successor, action;
	uint32_t n_steps;
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
		send(INHIBITORY_ROWS, ROUTER_ADDRESS, N_SILENCE_SPIKES);
		successor = environment_step(state, action, &signal_q7);
		rewarded(state, action, signal_q7);
		record(step, state, action);
		state = successor;
		wait_cycles(SETTLE_CYCLES);
	}
}
