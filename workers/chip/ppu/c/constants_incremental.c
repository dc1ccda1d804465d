/* Coordinates of incremental: learning_rate, rate_decay, initial_value, code_low, with FICTIVE (the program fictive)
 * the share of fictive updates, and the inhibition. */
#include "constants.h"

#ifdef FICTIVE
#define N_FICTIVE 1
#else
#define N_FICTIVE 0
#endif
_Static_assert(N_DIM == 5 + N_FICTIVE, "N_DIM must be the number of coordinates of incremental");

void write_constants(const uint16_t *x)
{
	put_u16(value_u16(x[2]));
	put_u8(code_low_u6(x[3]));
	put_u16(udiv(9 * (2 * x[0] + 1) + 20, 40)); /* a rate of [0, 0.9] */
	put_u16(rate_q15(x[1]));
	put_u16(N_FICTIVE ? rate_q15(x[4]) : 0);
}
