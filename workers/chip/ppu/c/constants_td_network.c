/* Coordinates of td_network: the network's weights, trace_decay, initial_value, code_low, and the inhibition.
 * The host writes what is not searched: the step's share of an episode, and the sigmoid. */
#define N_INPUTS 5
#include "constants.h"
#include "plasticity_network.h"

#define N_WEIGHTS (N_HIDDEN * (N_INPUTS + 2))
_Static_assert(N_DIM == N_WEIGHTS + 4, "N_DIM must be the number of coordinates of td_network");

void write_constants(const uint16_t *x)
{
	put_u16(value_u16(x[N_WEIGHTS + 1]));
	put_u8(code_low_u6(x[N_WEIGHTS + 2]));
	put_u8(q7(x[N_WEIGHTS]));
	skip(4);
	put_network(x, N_WEIGHTS);
}
