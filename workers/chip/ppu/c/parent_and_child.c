/* The candidates of (1 + 1) and of annealing: x itself, and one near it. */
#include "search.h"

uint32_t n_candidates(void) { return 2; }

void candidate(uint32_t i, uint16_t *point) { step_away(0, i, point); }
