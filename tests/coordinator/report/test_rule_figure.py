"""The learned rule as a picture: changes that the integer programs themselves compute."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import printed
from support.small_run import small_toml

from spikeloop.coordinator.report.page import Drawing, Table
from spikeloop.coordinator.report.rule_figure import TIMES, VALUES, pictured, rule_blocks
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.tabular.learner import TabularTd
from spikeloop.workers.plasticity import PROGRAMS, Fictive, Incremental, PlasticityNetwork
from spikeloop.workers.space import ParameterSpace

FACE = Bandit().interface


def default(program: Any) -> dict[str, float]:
    space = ParameterSpace(program.parameters(FACE))
    values = space.decode(space.default_point()[None]).values[0].tolist()
    return dict(zip(space.columns, values, strict=True))


@pytest.mark.parametrize("fictive", [0.0, 0.5, 1.0])
def test_hand_made_rules_are_their_equations_over_the_own_value_of_each_arm(fictive: float) -> None:
    """η (r − v) for the chosen arm, f η (1 − r − v) for the other one, to 2⁻¹⁵."""
    theta = {**default(Fictive()), "learning_rate": 0.4, "fictive": fictive, "code_low": 23.0}
    rule = pictured("a name", Fictive(), theta, FACE)
    assert rule.code == 1 / 40
    for reward, paid in ((0, 1.0), (1, 0.0)):
        for time in range(TIMES.size):
            chosen, other = rule.change[:, reward, time]
            np.testing.assert_allclose(chosen, 0.4 * (paid - VALUES), atol=2**-14)
            np.testing.assert_allclose(other, fictive * 0.4 * (1 - paid - VALUES), atol=2**-14)


def test_a_network_knows_the_time_and_the_reward_that_it_is_given() -> None:
    """A hidden unit for an input has the σ of that input, times an output of 1 / 64."""
    program = PlasticityNetwork(n_hidden=2)
    theta = default(program)
    theta |= {"hidden_weights_0": 1.0, "hidden_weights_6": 1.0}  # time, and reward
    theta |= {"output_weights_0": 8.0, "output_weights_1": 4.0}
    rule = pictured("a name", program, theta, FACE)
    for reward, signal in ((0, 1.0), (1, -1.0)):
        for time, share in enumerate(TIMES):
            sigma = 1 / (1 + np.exp(-np.array([share, signal])))
            expected = np.array([7.99975, 4.0]) @ sigma / 64
            np.testing.assert_allclose(rule.change[:, reward, time], expected, atol=3e-4)


def test_the_report_shows_the_learned_rule_beside_other_rules_of_a_person() -> None:
    def rows(program: Any) -> list[str]:
        learner = ChipAgent(program=program)
        blocks = list(rule_blocks(learner, default(program), FACE))
        assert any(isinstance(block, Drawing) for block in blocks)
        (table,) = (block for block in blocks if isinstance(block, Table))
        return [row[0] for row in table.rows]

    by_hand = ["incremental, default Θ", "fictive, default Θ"]
    assert rows(PlasticityNetwork()) == ["plasticity_network, learned", *by_hand]
    assert rows(Incremental()) == ["incremental, learned", by_hand[1]]


def test_learners_without_such_a_rule_have_no_picture() -> None:
    published, td = PROGRAMS["plasticity_network_published"](), PROGRAMS["td_lambda"]()
    assert list(rule_blocks(TabularTd(), {}, FACE)) == []
    for program in (published, td):
        learner = ChipAgent.model_validate({"program": program})
        assert list(rule_blocks(learner, default(program), FACE)) == []
    with pytest.raises(TypeError, match="keeps no values"):
        pictured("a name", published, default(published), FACE)
    several = RandomMdp(n_states=2, n_actions=2).interface
    assert list(rule_blocks(ChipAgent(program=Incremental()), {}, several)) == []


@pytest.mark.usefixtures("without_figures_here")
def test_the_report_of_a_run_on_the_chip_has_the_section(tmp_path: Path) -> None:
    config = small_toml(
        tmp_path / "small.toml",
        run={"generations": 1},
        family={"kind": "bandit", "n_steps": 5},
        learner={"kind": "chip", "program": {"kind": "incremental"}},
        strategy={"population_size": 2},
    )
    text = config.read_text().replace("n_states = 3\n", "").replace("n_actions = 2\n", "")
    config.write_text(text)
    printed("run", config, "--out", tmp_path)
    printed("report", tmp_path / "small")
    assert 'id="rule">The learned rule<' in (tmp_path / "small" / "report.html").read_text()
