/* Coordinates of plasticity_network: the network's weights, initial_value, code_low, and the inhibition.
 * The host writes what is not searched: the step's share of an episode, 1 / (actions - 1), and the sigmoid. */
#include "constants.h"
#include "plasticity_network.h"

#define N_WEIGHTS (N_HIDDEN * (N_INPUTS + 2 + (N_INPUTS == 7)))
_Static_assert(N_DIM == N_WEIGHTS + 3, "N_DIM must be the number of coordinates of plasticity_network");

void write_constants(const uint16_t *x)
{
	put_u16(value_u16(x[N_WEIGHTS]));
	put_u8(code_low_u6(x[N_WEIGHTS + 1]));
	skip(6);
	put_network(x, N_WEIGHTS);
}
