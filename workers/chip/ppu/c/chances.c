/* A bandit whose chances change: a halfword for each pull, of arms whose chances sum to 1 of one. */
#include "ppu.h"

#ifndef N_PULLS
#define N_PULLS 100
#endif
#ifndef N_LISTED
#define N_LISTED 1
#endif

static ENVIRONMENT uint16_t chance[N_PULLS][N_LISTED];
static uint32_t pull;
uint8_t start_state;

void load_environment(void)
{
	for (uint32_t i = 0; i < N_PULLS; i++)
		for (uint32_t k = 0; k < N_LISTED; k++) {
			chance[i][k] = mailbox_u8() << 8;
			chance[i][k] |= mailbox_u8();
		}
	start_state = 0;
	pull = 0;
}

uint8_t environment_step(uint8_t state, uint8_t action, int16_t *signal_q7)
{
	uint32_t number = draw_by_word(65535);
	uint32_t pays = action < N_LISTED ? chance[pull][action] : 65535u - chance[pull][0];
	pull++;
	*signal_q7 = number + pays >= 65535 ? 127 : 0;
	return state;
}
