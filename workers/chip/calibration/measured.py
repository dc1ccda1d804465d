"""What can be measured of the neurons of one chip."""

from dataclasses import dataclass

from spikeloop.tasks.base import FloatArray


@dataclass(frozen=True)
class Measured:
    """What can be measured of 32 neurons, each (32,); not a number where nothing could be seen.

    Attributes:
        tau_mem_s: membrane time constant.
        tau_exc_s: time constant of the excitatory input.
        tau_inh_s: time constant of the inhibitory input.
        exc_V: where a steady excitatory input of weight code 1 would lift the membrane above leak.
        inh_V: how far a steady inhibitory one would pull it below.
        refractory_s: refractory time.
        gap_V: threshold above leak.
        rate_Hz: rate under the standard drive.
    """

    tau_mem_s: FloatArray
    tau_exc_s: FloatArray
    tau_inh_s: FloatArray
    exc_V: FloatArray
    inh_V: FloatArray
    refractory_s: FloatArray
    gap_V: FloatArray
    rate_Hz: FloatArray


QUANTITIES = tuple(Measured.__dataclass_fields__)
