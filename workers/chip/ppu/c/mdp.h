/* The tables of a Markov decision process: 5 bytes for each action, state and successor. */
#pragma once
#include "ppu.h"

extern uint32_t cumulative[N_ACTIONS][N_STATES][N_STATES]; /* probabilities times 65535 */
extern uint8_t reward_q7[N_ACTIONS][N_STATES][N_STATES];
