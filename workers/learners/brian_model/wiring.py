"""Connections between the neurons of a user's model, as the key ``connect`` says."""

import numpy as np

from spikeloop.workers.brian.blueprint import Connections, all_to_all, all_to_others
from spikeloop.workers.brian.equations import fail
from spikeloop.workers.learners.brian_model.settings import Model, SynapseTable

MAX_SYNAPSES, MAX_PAIRS = 1_000_000, 100_000_000
"""Synapses of one episode, and pairs of neurons that a probability is drawn for."""


def connections_of(
    model: Model, name: str, table: SynapseTable, n_pre: int, n_post: int
) -> Connections:
    """Return the connections of one group of synapses.

    Raises:
        ValueError: one line; the populations cannot be connected so.
    """
    where, same = f"synapses.{name}.connect", table.source == table.target
    _check_size(table, n_pre, n_post, where)
    if table.connect == "all":
        return all_to_all(n_pre, n_post)
    if table.connect == "others":
        if not same:
            fail(where, '"others" needs a population that is both source and target')
        if n_pre < 2:
            fail(where, f"{table.source!r} has one neuron and no others")
        return all_to_others(n_pre)
    if table.connect == "one_to_one":
        if n_pre != n_post:
            fail(where, f'"one_to_one" needs as many sources as targets, got {n_pre} and {n_post}')
        return Connections(np.arange(n_pre), np.arange(n_pre))
    # Of its own stream, so that another group of synapses in the file changes nothing here.
    key = np.random.SeedSequence(model.wiring_seed, spawn_key=tuple(name.encode()))
    rng = np.random.Generator(np.random.Philox(key))
    rows = [np.flatnonzero(rng.random(n_post) < float(table.connect)) for _ in range(n_pre)]
    pre, post = np.repeat(np.arange(n_pre), [row.size for row in rows]), np.concatenate(rows)
    if same:
        pre, post = pre[pre != post], post[pre != post]
    if not pre.size:
        fail(where, f"no synapse came of the probability {table.connect}")
    return Connections(pre, post)


def _check_size(table: SynapseTable, n_pre: int, n_post: int, where: str) -> None:
    """Refuse numbers of synapses that would fill the memory."""
    if table.connect == "one_to_one":
        return
    share = 1.0 if isinstance(table.connect, str) else table.connect
    if n_pre * n_post * share > MAX_SYNAPSES:
        what = f"must make at most {MAX_SYNAPSES} synapses for one episode, got about"
        fail(where, f"{what} {n_pre * n_post * share:.0f}, from {n_pre} neurons to {n_post}")
    if n_pre * n_post > MAX_PAIRS:
        what = f"must choose among at most {MAX_PAIRS} pairs of neurons, got"
        fail(where, f"{what} {n_pre * n_post}, from {n_pre} neurons to {n_post}")
