"""A user's own Brian2 model runs as its equations, readout and rule say."""

import importlib.util
import tomllib
from typing import Any

import numpy as np
import pytest
from support.brian_model_tables import TABLES, changed
from support.paths import EXAMPLES
from support.statistical_asserts import assert_rate

from spikeloop.coordinator.config.load import load
from spikeloop.tasks.base import FloatArray, TaskFamily
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.quadratic import Quadratic
from spikeloop.workers.base import Episodes
from spikeloop.workers.brian import targets
from spikeloop.workers.brian.simulator import brian2
from spikeloop.workers.learners.brian_model.compile import compile_model
from spikeloop.workers.learners.brian_model.learner import BrianModel, DecisionView, PythonRule

pytestmark = pytest.mark.brian

QUADRATIC = Quadratic(n_steps=6)
FAMILY: TaskFamily = RandomMdp(n_states=3, n_actions=2, n_steps=12)
FIXED = {"window_ms": 10.0, "step_ms": 0.5, "input": {"coding": "spike", "at": "1*ms"}, **TABLES}
"""One spike per decision and nothing random in the network."""


def model(changes: dict[str, Any] | None = None) -> BrianModel:
    """A model with some entries changed, by dotted keys."""
    return BrianModel(**changed(changes or {}, FIXED))


def run_episodes(
    learner: BrianModel,
    n_tasks: int = 1,
    family: TaskFamily = FAMILY,
    rule: PythonRule | None = None,
    points: FloatArray | None = None,
) -> Episodes:
    """Episodes of the default hyperparameters, or of some points."""
    space = learner.space(family.interface)
    points = space.default_point()[None] if points is None else points
    tasks = family.sample(50, np.random.default_rng(1))[:n_tasks]
    seeds = np.tile(np.arange(n_tasks, dtype=np.uint64), (len(points), 1))
    return learner.run_episodes(space.decode(points), tasks, seeds, rule)


class Diary:
    """A rule that changes nothing and keeps copies of what it sees."""

    def __init__(self, *variables: tuple[str, str]) -> None:
        self.variables, self.moments = variables, list[DecisionView]()
        self.values: dict[tuple[str, str], list[Any]] = {name: [] for name in variables}

    def __call__(self, now: DecisionView) -> None:
        self.moments.append(now)
        for name in self.variables:
            self.values[name].append(now.array(*name).copy())


def by_hand(moments: list[DecisionView], steps: int) -> list[tuple[Any, ...]]:
    """The episode of ``FIXED`` written in Brian2: clock-driven traces, a loop of runs."""
    b2 = brian2()
    ms, mV, pF = b2.ms, b2.mV, b2.pF
    clock = b2.Clock(0.5 * ms)
    namespace = {
        "v_rest": -60 * mV,
        "v_th": -55 * mV,
        "C": 100 * pF,
        "tau_s": 5 * ms,
        "tau_c": 30 * ms,
        "tau_m": 20 * ms,
    }
    shared = {"clock": clock, "namespace": namespace, "codeobj_class": b2.NumpyCodeObject}
    windows = np.arange(len(moments))
    states = [int(now.observation[0]) for now in moments]
    source = b2.SpikeGeneratorGroup(
        3, states, (windows * steps + 2) * 0.5 * ms, clock=clock, codeobj_class=b2.NumpyCodeObject
    )
    actions = b2.NeuronGroup(
        2,
        "dv/dt = (v_rest - v)/tau_m + i_syn/C : volt (unless refractory)\n"
        "di_syn/dt = -i_syn/tau_s : amp\nn_spikes : integer",
        threshold="v > v_th",
        reset="v = v_rest; n_spikes += 1",
        refractory=1 * ms,
        method="exact",
        **shared,
    )
    actions.v = -60 * mV
    plastic = b2.Synapses(
        source,
        actions,
        "w : amp\ndx/dt = -x/tau_s : 1 (clock-driven)\ndc/dt = -c/tau_c : 1 (clock-driven)",
        on_pre="i_syn_post += w; x += 1",
        on_post="c += x",
        method="exact",
        **shared,
    )
    plastic.connect()
    plastic.w = [(1.0 + 0.1 * i + 0.05 * j) * 1e-9 for i in range(3) for j in range(2)] * b2.amp
    inhibition = b2.Synapses(actions, actions, on_pre="i_syn_post -= 50*pA", delay=1 * ms, **shared)
    inhibition.connect(condition="i != j")
    network = b2.Network(source, actions, plastic, inhibition)
    baseline, found, before = 0.0, [], np.zeros(2)
    for now in moments:
        network.run(steps * 0.5 * ms)
        count = actions.n_spikes[:] - before
        before = actions.n_spikes[:].copy()
        found.append((count, actions.v[:] / b2.volt, plastic.w[:] / b2.amp))
        feedback, credit = now.feedback[0], np.tile(np.arange(2) == now.action[0], 3)
        change = 200e-12 * (feedback - baseline) * plastic.c[:] * credit
        plastic.w = np.clip(plastic.w[:] / b2.amp + change, 0, 4e-9) * b2.amp
        baseline += 0.2 * (feedback - baseline)
    return found


def test_an_episode_is_that_of_the_same_network_written_by_hand() -> None:
    learner = model()
    diary = Diary(("actions", "count"), ("actions", "v"), ("plastic", "w"))
    run_episodes(learner, rule=diary)
    hand = by_hand(diary.moments[:6], learner.window_steps)
    spikes = 0
    for decision, (count, v, w) in enumerate(hand):
        np.testing.assert_array_equal(diary.values["actions", "count"][decision][0], count)
        np.testing.assert_allclose(diary.values["actions", "v"][decision][0], v, rtol=1e-9)
        np.testing.assert_allclose(diary.values["plastic", "w"][decision][0], w, rtol=1e-9)
        spikes += int(count.sum())
    assert spikes > 20  # otherwise nothing was compared
    first, last = diary.values["plastic", "w"][0], diary.values["plastic", "w"][-1]
    assert (first != last).any()


def test_hyperparameters_arrive_in_base_units_in_the_episodes_of_their_candidate() -> None:
    diary = Diary(("actions", "tau_m"), ("actions", "eta"))
    run_episodes(model(), 3, rule=diary, points=np.array([[0.0, 0.0], [1.0, 1.0]]))
    for name, ends in (("tau_m", [0.005, 0.05]), ("eta", [1e-12, 1e-9])):
        expected = np.repeat(ends, 3)[:, None] * np.ones(2)
        np.testing.assert_allclose(diary.values["actions", name][0], expected, rtol=1e-12)


def test_whole_arrays_of_weights_are_searched() -> None:
    weights = {"group": "plastic", "variable": "w", "scale": 300.0, "unit": "pA"}
    learner = model(
        {
            "weights.w_in": weights,
            "synapses.plastic.initial": {},
            "synapses.plastic.on_feedback": "w *= 1",
            "hyperparameters": {},
            "constants.tau_m": "20*ms",
        }
    )
    points: FloatArray = np.arange(12, dtype=np.float64).reshape(2, 6)
    diary = Diary(("plastic", "w"))
    run_episodes(learner, rule=diary, points=points)
    np.testing.assert_allclose(diary.values["plastic", "w"][0], points * 300e-12, rtol=1e-12)


@pytest.mark.exhaustive
def test_the_first_spike_or_the_largest_value_chooses_the_action() -> None:
    """The neuron of the stronger weights is the first, fires most, and has the largest current."""
    for by in ("first", "count", "i_syn/amp"):
        diary = Diary()
        initial = {"w": "(0.8 + int(index_post == 1))*nA"}
        learner = model(
            {"readout.by": by, "window_ms": 60.0, "synapses.plastic.initial": initial}
            | {"synapses.plastic.on_feedback": "w *= 1", "hyperparameters.eta.low": 2.0}
            | {"neurons.actions.on_feedback": "baseline += 0*eta/amp"}
        )
        run_episodes(learner, rule=diary)
        assert [int(now.action[0]) for now in diary.moments] == [1] * 12, by


def test_spikes_of_an_actions_neurons_are_summed() -> None:
    """Three neurons for each action: two of action 0 see input, all of action 1 less of it."""
    initial = {"w": "(1.5*int(index < 2) + 0.8*int(index > 2))*nA"}
    diary = Diary(("actions", "count"), ("actions", "chosen"))
    learner = model({"neurons.actions.n": "3*actions", "synapses.plastic.initial": initial})
    run_episodes(learner, rule=diary)
    counts = diary.values["actions", "count"][0][0].reshape(2, 3).sum(axis=1)
    assert counts[0] != counts[1]
    assert diary.moments[0].action[0] == counts.argmax()
    chosen = diary.values["actions", "chosen"][0][0]
    np.testing.assert_array_equal(chosen, np.repeat(np.arange(2) == counts.argmax(), 3))


GRADED: dict[str, Any] = {
    "window_ms": 5.0,
    "input": {"coding": "graded", "per_dimension": 5},
    "neurons": {
        "out": {
            "n": 4,
            "equations": "dy/dt = (drive - y)/(2*ms) : 1\ndrive : 1",
            "on_feedback": "y = y + gain*(feedback - y)",
        }
    },
    "synapses": {
        "sum": {
            "source": "input",
            "target": "out",
            "equations": "w : 1\ndrive_post = w*activity_pre : 1 (summed)",
            "initial": {"w": "0.5 + 0.01*index"},
        }
    },
    "readout": {"group": "out", "by": "0.1*y"},
    "hyperparameters": {"gain": {"low": 0.0, "high": 1.0, "default": 0.0}},
}


def test_summed_inputs_of_an_episode_have_the_same_bits_alone() -> None:
    learner = BrianModel(**GRADED)
    space, rng = learner.space(QUADRATIC.interface), np.random.default_rng(0)
    parameters, tasks = space.decode(space.sample(2, rng)), QUADRATIC.sample(2, rng)
    seeds = rng.integers(0, 2**64, (2, 2), dtype=np.uint64)
    together = learner.run_episodes(parameters, tasks, seeds)
    alone = learner.run_episodes(parameters.rows(slice(1, 2)), tasks[1:], seeds[1:, 1:])
    np.testing.assert_array_equal(alone.curve[0, 0], together.curve[1, 1])


def test_a_continuous_action_is_the_mean_of_an_expression() -> None:
    """Graded input, low-pass filtered over one window by y' = (x − y) / τ from y = 0."""
    diary = Diary(("input", "activity"))
    episodes = run_episodes(BrianModel(**GRADED), 2, QUADRATIC, diary)
    assert np.isfinite(episodes.returns).all()
    first = diary.moments[0]
    assert isinstance(first.action, np.ndarray)
    assert first.action.shape == (2, 1)
    total = diary.values["input", "activity"][0].sum(axis=1)
    filtered = 1 - np.exp(-5 / 2)
    np.testing.assert_allclose(first.action[:, 0], 0.1 * 0.515 * total * filtered, rtol=1e-9)


def test_poisson_input_fires_at_its_rate() -> None:
    """False alarms 1e-6; an input of four fifths of the rate is told apart."""
    counting = {
        "synapses.plastic.on_pre": "i_syn_post += w\nx += 1\nseen += 1",
        "synapses.plastic.equations": ("w : amp", "w : amp\nseen : 1"),
        "input": {"coding": "poisson", "rate": "400*Hz"},
    }
    diary = Diary(("plastic", "seen"))
    run_episodes(model(counting), 50, rule=diary)
    spikes = int(diary.values["plastic", "seen"][-1].reshape(50, 3, 2)[:, :, 0].sum())
    assert_rate(spikes, 50 * 12 * 20, 0.2, 1e-6, control=0.25)


def test_random_connections_depend_on_seed_and_name_alone() -> None:
    def connections(**changes: Any) -> list[tuple[int, int]]:
        learner = model({"synapses.plastic.connect": 0.5, "neurons.actions.n": 20, **changes})
        found = compile_model(learner, FAMILY.interface).blueprint.synapses["plastic"].connections
        return list(zip(found.pre.tolist(), found.post.tolist(), strict=True))

    one = connections()
    assert 10 < len(one) < 50
    assert connections() == one
    assert connections(wiring_seed=2) != one
    more = {"source": "input", "target": "actions", "connect": 0.5, "on_pre": "v_post += 0*mV"}
    assert connections(**{"synapses.more": more}) == one
    assert len(run_episodes(model({"synapses.plastic.connect": 0.9}), 2).returns) == 1


def test_an_episode_whose_numbers_are_not_finite_has_no_return() -> None:
    exploding = {
        "neurons.actions.equations": ("baseline : 1", "baseline : 1\ndz/dt = z**2*kick*100/ms : 1"),
        "neurons.actions.method": "euler",
        "neurons.actions.initial": {"v": "v_rest", "z": "1"},
        "hyperparameters.kick": {"low": 0.0, "high": 1.0, "default": 0.0},
    }
    learner = model(exploding)
    points = np.tile(learner.space(FAMILY.interface).default_point(), (2, 1))
    points[1, -1] = 1.0
    returns = run_episodes(learner, 2, points=points).returns
    np.testing.assert_array_equal(np.isnan(returns), [[False, False], [True, True]])


def test_a_rule_in_python_can_write_weights() -> None:
    """One that wipes out the weights leaves neurons that never fire."""

    def forget(now: DecisionView) -> None:
        assert now.memory.setdefault("met", np.zeros(1))[0] == now.decision
        now.memory["met"] += 1
        now.array("plastic", "w")[:] = 0
        silent.append(now.array("actions", "count").sum())

    silent: list[int] = []
    run_episodes(model({"constants.tau_s": "1 ms"}), rule=forget)
    assert silent[0] > 0
    assert sum(silent[1:]) == 0


def test_a_rule_in_python_sees_event_driven_variables_as_of_now() -> None:
    """One spike of the input 18.5 ms of integration ago, and traces that decay by exp(-t/10 ms)."""
    learner = model(
        {
            "window_ms": 20.0,
            "synapses.plastic.equations": ("w : amp", "w : amp\nseen : 1"),
            "synapses.plastic.on_pre": "c += 1",
            "synapses.plastic.on_post": "x += w/nA",
            "synapses.plastic.on_feedback": "seen = c + eta*feedback/pA*0",
            "constants.tau_c": "10 ms",
        }
    )
    diary = Diary(("plastic", "c"), ("plastic", "seen"))
    run_episodes(learner, 2, rule=diary)
    traces, seen = (np.array(diary.values["plastic", name]) for name in ("c", "seen"))
    assert np.unique(traces[0]).size == 2  # of states seen and not seen
    np.testing.assert_allclose(traces[0].max(axis=1), np.exp(-18.5 / 10), rtol=1e-12)
    # What on_feedback code saw just after the rule.
    np.testing.assert_array_equal(traces[:-1], seen[1:])


def test_a_rule_that_only_reads_changes_nothing() -> None:
    learner = model()
    plain, looked = run_episodes(learner, 2), run_episodes(learner, 2, rule=Diary(("plastic", "c")))
    np.testing.assert_array_equal(plain.curve, looked.curve)


def test_a_missing_compiler_is_an_error_of_the_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    targets._missing.cache_clear()
    try:
        with pytest.raises(targets.MissingCompiler):
            model({"target": "cython"}).space(FAMILY.interface)
    finally:
        targets._missing.cache_clear()


def test_the_documentations_model_runs_and_its_mistake_has_the_error_on_the_page() -> None:
    guide = (EXAMPLES.parent / "docs" / "how-to" / "brian2_model.md").read_text()
    page = (EXAMPLES.parent / "docs" / "reference" / "brian2_model.md").read_text()
    tables = tomllib.loads(guide.split("```toml\n")[1].split("```")[0])["learner"]
    learner = BrianModel(**tables)
    assert learner.space(FAMILY.interface).columns == ("eta", "tau_c", "n_baseline")
    assert np.isfinite(run_episodes(learner, 2).returns).all()
    wrong = model({"neurons.actions.equations": "dv/dt = (v_rest - v)*tau_m : volt\ni_syn : amp"})
    with pytest.raises(ValueError, match="units") as caught:
        wrong.space(FAMILY.interface)
    assert f"own.toml: [learner] {caught.value}\n" in page


@pytest.mark.exhaustive
def test_the_example_in_python_is_the_example_in_toml_with_a_critic() -> None:
    plain = load(EXAMPLES / "own_model.toml")
    critic = load(EXAMPLES / "own_model_python.toml")
    assert critic.space.columns == (*plain.space.columns, "gamma", "eta_critic")
    family = RandomMdp(n_states=3, n_actions=2, n_steps=30)
    tasks = family.sample(2, np.random.default_rng(0))
    seeds = np.arange(2, dtype=np.uint64)[None]
    returns = []
    for learner in (plain.learner, critic.learner):
        space = learner.space(family.interface)
        points = space.default_point()[None]
        episodes = learner.run_episodes(space.decode(points), tasks, seeds)
        returns.append(episodes.returns)
        alone = learner.run_episodes(space.decode(points), tasks[1:], seeds[:, 1:])
        assert alone.returns[0, 0] == episodes.returns[0, 1]
    assert (returns[0] != returns[1]).any()


def test_the_critics_feedback_is_minus_the_regret_of_the_action() -> None:
    """Three decisions in one state: action 0 pays 1, action 1 pays 0.2, and γ is 0."""
    file = EXAMPLES / "own_model.py"
    spec = importlib.util.spec_from_file_location("own_model_alone", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    feedback = np.zeros((1, 2))
    arrays = {("input", "activity"): np.zeros((1, 2)), ("actions", "feedback"): feedback}
    memory: dict[str, Any] = {}
    theta = {"gamma": np.zeros(1), "eta_critic": np.array([0.1])}
    state = np.zeros(1, dtype=np.int64)
    for decision, (action, reward, expected) in enumerate([(0, 1.0, 0), (1, 0.2, -0.8), (0, 0, 0)]):
        module.critic(
            DecisionView(
                decision,
                state,
                np.array([action]),
                np.array([reward]),
                state,
                theta,
                lambda group, variable: arrays[group, variable],
                memory,
            )
        )
        np.testing.assert_allclose(feedback, expected)
    np.testing.assert_allclose(memory["worth"][0, 0], [0.5, 0.2])
