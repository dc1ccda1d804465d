/* Coordinates of formula: initial_value, code_low, and the inhibition. The host writes what is not searched: the
 * step's share of an episode, 1 / (actions - 1), and the coefficients. */
#include "constants.h"

_Static_assert(N_DIM == 3, "N_DIM must be the number of coordinates of formula");

void write_constants(const uint16_t *x)
{
	put_u16(value_u16(x[0]));
	put_u8(code_low_u6(x[1]));
}
