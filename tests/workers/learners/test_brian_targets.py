"""Every learner's episodes are the same whatever Brian2 generates code for.

Compiling takes up to half a minute for each learner and target, so this is exhaustive;
``test_batch`` compares the targets in one network always.
"""

from typing import get_args

import numpy as np
import pytest
from support.brian_spikes import recorded_spikes
from support.learner_cases import case

from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.learners import LEARNERS


def compiled() -> list[tuple[str, str]]:
    """Every learner with every target that is compiled for it."""
    pairs = []
    for kind, learner in LEARNERS.items():
        target = getattr(learner, "model_fields").get("target")  # noqa: B009
        names = get_args(target.annotation) if target is not None else ()
        pairs += [(kind, name) for name in names if name != "numpy"]
    return pairs


@pytest.mark.brian
@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore")  # of the compilers' own packages
@pytest.mark.parametrize(("kind", "target"), compiled())
def test_episodes_of_compiled_targets_are_those_of_numpy(kind: str, target: str) -> None:
    """Spike for spike where Python can see them; 1e-9 for what exp and log may round otherwise.

    A program of its own (cpp_standalone) shows no spikes, but its returns depend on their number
    in every window. It needs input that does not depend on the answers.
    """
    family = Quadratic(n_steps=80) if target == "cpp_standalone" else None
    with recorded_spikes() as runs:
        expected = case(kind, family).run_episodes()
        found = case(kind, family, target=target).run_episodes()
    if target == "cython":
        assert runs[1] == runs[0]
    assert sum(len(spikes) for episodes in runs[0].values() for spikes in episodes) > 200
    np.testing.assert_allclose(found.returns, expected.returns, rtol=1e-9)
    np.testing.assert_allclose(found.curve, expected.curve, rtol=1e-9, atol=1e-12)
