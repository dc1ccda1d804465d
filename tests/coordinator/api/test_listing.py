"""``sl.list`` gives the catalogue of ``spikeloop list`` as data frames."""

import pytest
from support.command_line import answer

import spikeloop as sl


@pytest.mark.parametrize("what", ["", "families", "learners", "strategies", "targets"])
def test_the_kinds_are_those_of_the_command_line_with_their_public_names(what: str) -> None:
    listed = sl.list(what)
    entries = answer("list", *([what] if what else []))
    kinds = [entry for entry in entries if entry["table"] != "configuration"]
    assert list(listed.columns) == ["table", "kind", "name", "about"]
    assert listed["kind"].to_list() == [entry["kind"] for entry in kinds]
    assert listed["about"].to_list() == [entry["about"] for entry in kinds]
    assert all(hasattr(sl, name) for name in listed["name"])


def test_one_kind_has_a_row_for_each_setting_and_hyperparameter() -> None:
    listed = sl.list("learners", "chip").set_index("key")
    (entry,) = answer("list", "learners", "chip")
    settings = listed[listed["what"] == "setting"]
    assert settings["range"].to_dict() == {row["key"]: row["range"] for row in entry["settings"]}
    gamma = listed.loc["gamma"]
    assert (gamma["what"], gamma["range"], gamma["default"]) == ("hyperparameter", "0 to 1", 0.5)
    assert gamma["about"] == "discount"


def test_an_unknown_table_or_kind_is_named_with_the_nearest() -> None:
    with pytest.raises(sl.ConfigError, match="did you mean 'learners'"):
        sl.list("learner")
    with pytest.raises(sl.ConfigError, match="did you mean 'chip'"):
        sl.list("learners", "chop")
    with pytest.raises(sl.ConfigError, match="list chip: must be one of families"):
        sl.list(kind="chip")


def test_compatibility_has_a_row_for_each_learner_and_family() -> None:
    listed = sl.list("compatibility").set_index(["learner", "family"])
    assert bool(listed.loc[("tabular_td", "random_mdp"), "runs"])
    assert "tables" in str(listed.loc[("tabular_td", "informative_bandit"), "reason"])
