"""Every number of the HICANN-DLS prototype that the emulator uses, with its source.

Sources: *haldls* and *halco* are the hardware libraries of the electronicvisions organisation
(DLSv2 headers); *NHL2L* is the repository bohnstingl/Neuromorphic_Hardware_learns_to_learn of
Bohnstingl et al. 2019, Front. Neurosci. 13:483; *Pong* is electronicvisions/model-sw-pong of
Wunderlich et al. 2019, Front. Neurosci. 13:260; *calix* is electronicvisions/calix, for the full
BrainScaleS-2.
"""

# The array (halco hicann-dls v2).
N_NEURONS = 32
N_ROWS = 32
N_SYNAPSES = N_ROWS * N_NEURONS

# Digital widths (haldls v2): synapse weight and address, capmem code, spike counter, length of a
# synapse driver's pulse.
MAX_WEIGHT_U6 = 63
MAX_LABEL_U6 = 63
MAX_CODE_U10 = 1023
MAX_COUNT_U10 = 1023
MAX_PULSE_U5 = 31

# Clocks. The prototype's processor clock follows from its microsecond constants of 98 and 100
# cycles (NHL2L, libnux); the FPGA's time unit is haldls'.
PPU_HZ = 100e6
FPGA_HZ = 96e6

# One code of the analog parameter memory: about 1.6 mV, so that 10 bits span about 0 to 1.6 V, the
# range known of the full BrainScaleS-2. The membrane is taken to stay within it.
VOLT_PER_CODE = 1.6e-3
V_MAX_V = MAX_CODE_U10 * VOLT_PER_CODE

# Nominal codes and the threshold of state neurons above leak (NHL2L hardware/mdp).
V_LEAK_U10 = 458
V_THRESH_U10 = 634
V_RESET_U10 = 340
STATE_GAP_U10 = 100
# References of the synaptic inputs (NHL2L hardware/mdp/cap_mem_07_chip_20.json).
V_SYN_EXC_U10 = 670
V_SYN_INH_U10 = 690

# Router on the FPGA and the decision protocol (NHL2L hardware/mdp/NetworkMDP.py, PPU/PPU.c).
ROUTER_ADDRESS_U6 = 50
ROUTER_DELAY_CYCLES = 100
MAX_ROUTER_DELAY_CYCLES = 0x4000 - 1  # haldls v2, SpikeRouter::Delay
SPIKE_INTERVAL_CYCLES = 100
N_STIMULUS_SPIKES = 3
N_SILENCE_SPIKES = 10
SETTLE_CYCLES = 2000
DECISION_CYCLES = (N_STIMULUS_SPIKES + N_SILENCE_SPIKES) * SPIKE_INTERVAL_CYCLES + 2 * SETTLE_CYCLES

# Published initial weight of the synapses from states to actions (NHL2L NetworkMDP.py).
INITIAL_WEIGHT_U6 = 35

# A reward of 1 in Q7, as the published program has it (NHL2L hardware/mdp/PPU/PPU.c).
REWARD_ONE_Q7 = 127

# Transition probabilities are scaled to this integer (NHL2L hardware/mdp/PPU/MDP.c).
FULL = 65535
