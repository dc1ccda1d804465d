/* The size of the network. */
#pragma once

#ifndef N_INPUTS
#define N_INPUTS 7
#endif
#ifndef N_HIDDEN
#define N_HIDDEN 7
#endif
