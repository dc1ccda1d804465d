"""Decide after a generation which rule of ``[stop]`` fires, if any."""

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.stopping import Rule
from spikeloop.coordinator.search import tables
from spikeloop.coordinator.search.generation import Generation
from spikeloop.coordinator.search.history import History
from spikeloop.coordinator.search.search_size import generation_episodes, initial_state


def before_held_out(config: RunConfig, generation: Generation) -> Rule | None:
    """Apply "spread" and "episodes", before the held-out score with which a search ends."""
    collapsed = config.stop.collapsed(generation.spread)
    return _within_budget(config, generation, "spread" if collapsed else None)


def after_held_out(config: RunConfig, generation: Generation, history: History) -> Rule | None:
    """Apply "target" and "patience" too, and no rule after the last planned generation."""
    stop, rule = config.stop, generation.rule
    if generation.held_out is not None and not stop.ends(rule):
        row = {
            "generation": generation.number,
            "epoch": generation.epoch,
            **tables.held_out_columns(generation.held_out),
        }
        if stop.reached(row):
            rule = "target"
        elif rule is None and stop.stalled([*history.rows, row]):
            rule = _within_budget(config, generation, "patience")
    return rule if generation.number < config.run.generations else None


def _within_budget(config: RunConfig, generation: Generation, rule: Rule | None) -> Rule | None:
    """Give the rule, or "episodes" if the generation that it leads to would exceed the budget."""
    stop = config.stop
    if not stop.episodes or stop.ends(rule):
        return rule
    restarts = stop.restarts(rule)
    state = initial_state(config, generation.number + 1) if restarts else generation.state
    needed = generation_episodes(config, state)
    return "episodes" if stop.exhausted(generation.total_episodes, needed) else rule
