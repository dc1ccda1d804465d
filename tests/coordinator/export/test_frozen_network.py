"""A network as plain arrays, and the description of its input channels."""

from typing import Any

import numpy as np
import pytest
from support.random_networks import BANDIT, QUADRATIC, random_network

from spikeloop.coordinator.export import brian_script, input_encoding, learned_network
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.learner import Lsnn

pytest.importorskip("jax")


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("currents", {"centering_rate_hz": 30.0}), ("spikes", {"excitatory_share": 0.7})],
)
def test_recorded_inputs_give_the_drive_to_the_bit(kind: str, changes: dict[str, float]) -> None:
    known = random_network(QUADRATIC, input=kind, delays_ms=[1.0, 3.0], **changes)
    network = learned_network.freeze(known, "brian2")
    episode = learned_network.record_episode(known, network, 1)
    grid_seeds = np.zeros((1, 1), dtype=np.uint64)
    tasks = known.config.family.sample(1, np.random.default_rng(0))
    parameters = known.config.space.decode(known.point[None, :])
    kept = tile.trace(network.learner, parameters, tasks, grid_seeds)
    seen = np.round(kept.seen * 256) / 256
    np.testing.assert_array_equal(kept.drive, seen @ network.inputs)
    rows = 15 * 10 if kind == "spikes" else 15
    assert episode.inputs.shape == (rows, network.inputs.shape[0])
    assert episode.spikes.shape == (150, 20)
    # The worst order of summation changes nothing.
    order = np.argsort(network.inputs[:, 0])
    for row in episode.inputs:
        one_by_one = 0.0
        for place in order:
            one_by_one += row[place] * network.inputs[place, 0]
        assert one_by_one == (row @ network.inputs)[0]


def test_synapses_have_the_signs_and_places_of_the_wiring() -> None:
    network = learned_network.freeze(
        random_network(BANDIT, connectivity=0.4, excitatory_share=0.7), "brian2"
    )
    assert 0.2 < network.wiring.exists.mean() < 0.6
    assert not network.recurrent[~network.wiring.exists].any()
    assert (network.wiring.sign != 0).all()
    assert (network.recurrent * network.wiring.sign[:, None] >= 0).all()
    assert network.recurrent[network.wiring.exists].any()


def shown(values: FloatArray, widths: FloatArray, x: float) -> Any:
    """Channels by the rule in the script's header."""
    if not widths.any():
        return (np.arange(len(values)) == np.abs(values - x).argmin()).astype(float)
    within = np.clip(x, values.min(), values.max())
    return np.exp(-((within - values) ** 2) / (2 * widths**2))


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        (BANDIT, {}),
        (QUADRATIC, {"trial_channels": 4, "feedback_share": 0.5}),
        ({"kind": "bandit", "rewards": "gaussian"}, {}),
        ({"kind": "random_mdp"}, {"trial_channels": 4, "feedback_share": 0.5}),
    ],
    ids=["rewards", "targets", "real rewards", "observed states"],
)
def test_the_table_of_channels_suffices_to_encode_a_new_task(
    family: dict[str, Any], settings: dict[str, Any]
) -> None:
    config = random_network(family, **settings).config
    assert isinstance(config.learner, Lsnn)
    interface = config.family.interface
    inputs = config.learner.inputs(interface)
    kept, groups = input_encoding.arrays(inputs), inputs.groups
    for step, feedback in [(0, 1.0), (3, 0.0), (4, 1.0), (5, 0.31), (6, 9.0)]:
        seen: Any = np.full(interface.n_observations, 0.3)
        if interface.observations == "discrete":
            seen = np.array([interface.n_observations - 1])
        now: dict[str, Any] = {"observation": seen, "action": [1], "feedback": [feedback]}
        now |= {"trial": [step], "bias": [1]}
        row = np.zeros(inputs.n)
        for group in groups:
            n = len(group.values)
            for k, x in enumerate(now[group.name][: group.repeats]):
                at = slice(group.start + k * n, group.start + (k + 1) * n)
                row[at] = shown(kept["channel_value"][at], kept["channel_width"][at], x)
            if step == 0 and group.name in ("action", "feedback"):
                row[group.start : group.start + group.n] = 0.0
        observation = seen if interface.observations == "discrete" else seen[None, :]
        encoded = inputs.encode(observation, np.array([1]), np.array([feedback]), step)
        np.testing.assert_allclose(encoded, [row], rtol=1e-12, atol=1e-15)


def test_the_script_documents_its_channels() -> None:
    known = random_network(BANDIT, trial_channels=5)
    text = brian_script.render(known, learned_network.freeze(known, "brian2"), 0)
    table = """
    0 to 1      its last action: one-hot, 0 to 1
    2 to 3      the reward for it: one-hot, 0.0, 1.0
    4 to 8      the number of the decision, from 0: 5 curves from 0.0 to 24.0, width 6.0
    9           always 1
"""
    assert table in text
