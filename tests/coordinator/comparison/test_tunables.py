import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from spikeloop.coordinator.comparison.tunable_space import (
    around,
    defaults,
    distributions,
    settings_of,
)
from spikeloop.workers.parameter_types import Choice, Integer, Real, Weights
from spikeloop.workers.space import ParameterSpace

SPACE = ParameterSpace.of(
    {
        "sigma": Real(0.01, 1.0, 0.1, scale="log"),
        "optimizer.momentum": Real(0.0, 0.9, 0.5),
        "elites": Integer(1, 9, 3),
        "population_size": Choice(("12", "24"), "24"),
        "mirrored": Choice(("true", "false"), "true"),
        "optimizer.kind": Choice(("adam", "sgd"), "sgd"),
    }
)


def test_optuna_sees_the_same_ranges() -> None:
    assert distributions(SPACE) == {
        "sigma": FloatDistribution(0.01, 1.0, log=True),
        "optimizer.momentum": FloatDistribution(0.0, 0.9),
        "elites": IntDistribution(1, 9),
        "population_size": CategoricalDistribution(("12", "24")),
        "mirrored": CategoricalDistribution(("true", "false")),
        "optimizer.kind": CategoricalDistribution(("adam", "sgd")),
    }


def test_what_optuna_cannot_draw_is_refused() -> None:
    for parameter in (Weights((2,), 1.0, name="w"), Real("a", 1.0, 0.5, name="b")):
        space = ParameterSpace((Real(0.0, 1.0, 0.5, name="a"), parameter))
        with pytest.raises(ValueError, match="tunable"):
            distributions(space)


def test_values_become_nested_settings_of_the_right_type() -> None:
    settings = settings_of(defaults(SPACE))
    assert settings == {
        "sigma": 0.1,
        "optimizer": {"momentum": 0.5, "kind": "sgd"},
        "elites": 3,
        "population_size": 24,
        "mirrored": True,
    }
    assert [type(settings[name]) for name in ("elites", "population_size", "mirrored")] == [
        int,
        int,
        bool,
    ]


GIVEN = {
    "sigma": 0.2,
    "optimizer": {"momentum": 0.95, "kind": "rmsprop"},
    "elites": 12,
    "population_size": 30,
    "mirrored": False,
}


def test_what_is_given_becomes_the_default_and_has_a_place() -> None:
    space = around(SPACE, GIVEN)
    assert settings_of(defaults(space)) == GIVEN
    laws = distributions(space)
    assert laws["population_size"] == CategoricalDistribution(("12", "24", "30"))
    assert laws["optimizer.kind"] == CategoricalDistribution(("adam", "sgd", "rmsprop"))
    assert laws["optimizer.momentum"] == FloatDistribution(0.0, 0.95)
    assert laws["elites"] == IntDistribution(1, 12)
    assert laws["sigma"] == FloatDistribution(0.01, 1.0, log=True)  # it lies inside


def test_what_has_no_place_is_not_tuned() -> None:
    given = {**GIVEN, "sigma": 0.0, "optimizer": {"kind": "adam"}}
    space = around(SPACE, given)
    assert "sigma" not in distributions(space)  # there is no 0 on a logarithmic scale
    assert "optimizer.momentum" not in distributions(space)  # adam has none
    assert "elites" in distributions(space)
