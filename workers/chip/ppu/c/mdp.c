/* A Markov decision process as tables: 5 bytes for each action, state and successor. */
#include "mdp.h"

ENVIRONMENT uint32_t cumulative[N_ACTIONS][N_STATES][N_STATES];
ENVIRONMENT uint8_t reward_q7[N_ACTIONS][N_STATES][N_STATES];
uint8_t start_state;

void load_environment(void)
{
	uint32_t *probability = &cumulative[0][0][0];
	uint8_t *reward = &reward_q7[0][0][0];
	start_state = mailbox_u8();
	for (uint32_t i = 0; i < N_ACTIONS * N_STATES * N_STATES; i++)
		probability[i] = mailbox_u32();
	for (uint32_t i = 0; i < N_ACTIONS * N_STATES * N_STATES; i++)
		reward[i] = mailbox_u8();
}

uint8_t environment_step(uint8_t state, uint8_t action, int16_t *signal_q7)
{
	uint32_t number = draw_by_word(65535);
	uint8_t successor = 0;
	while (number >= cumulative[action][state][successor])
		successor++;
	*signal_q7 = reward_q7[action][state][successor];
	return successor;
}
