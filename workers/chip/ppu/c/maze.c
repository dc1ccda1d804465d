/* A maze as a map of its walls: a byte for each field. */
#include "ppu.h"

static ENVIRONMENT uint8_t walls[N_STATES];
static uint8_t width, goal, n_open;
static int16_t bump_q7, goal_q7;
uint8_t start_state;

void load_environment(void)
{
	start_state = mailbox_u8();
	width = mailbox_u8();
	goal = mailbox_u8();
	bump_q7 = mailbox_u8() << 8;
	bump_q7 |= mailbox_u8();
	goal_q7 = mailbox_u8() << 8;
	goal_q7 |= mailbox_u8();
	n_open = 0;
	for (uint32_t field = 0; field < N_STATES; field++) {
		walls[field] = mailbox_u8();
		n_open += !walls[field] && field != goal;
	}
}

static uint8_t ahead(uint8_t state, uint8_t action)
{
	uint8_t column = state;
	while (column >= width)
		column -= width;
	if (action == 0)
		return state < width ? state : state - width;
	if (action == 1)
		return column + 1 == width ? state : state + 1;
	if (action == 2)
		return state + width >= N_STATES ? state : state + width;
	return column == 0 ? state : state - 1;
}

/* The field of a random restart: free and not the goal. */
static uint8_t restart(uint32_t number)
{
	uint32_t rank = 0;
	uint8_t field = 0;
	while (2 * n_open * (number + 1) > 2 * (rank + 1) * 65535u + n_open)
		rank++;
	for (;; field++)
		if (!walls[field] && field != goal && rank-- == 0)
			return field;
}

uint8_t environment_step(uint8_t state, uint8_t action, int16_t *signal_q7)
{
	uint32_t number = draw_by_word(65535);
	uint8_t target = ahead(state, action);
	*signal_q7 = 0;
	if (target == goal) {
		*signal_q7 = goal_q7;
		return restart(number);
	}
	if (target == state || walls[target]) {
		*signal_q7 = bump_q7;
		return state;
	}
	return target;
}
