"""The state of a search as a file holds it, compared with the one that its strategy begins with."""

from typing import Any

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.base import from_arrays


def state_after(config: RunConfig, store: RunStore, generation: int) -> Any:
    """The strategy's state after a generation.

    Its arrays must be of the same kinds and shapes as those of the first state. Only the number of
    rows of a table may have changed: a population need not keep its size.

    Args:
        config: of the run.
        store: of the run.
        generation: that is committed; 0 for the state before the search.

    Raises:
        ConfigError: the file is damaged, or holds another strategy's or another space's state.
    """
    arrays = store.state(generation)
    try:
        state: Any = from_arrays(type(config.strategy).State, arrays)
        for name, begun in config.first_arrays.items():
            found = arrays[name]
            shapes = [a.shape[1:] if a.ndim > 1 else a.shape for a in (found, begun)]
            kinds = [(a.dtype.kind, a.ndim) for a in (found, begun)]
            if shapes[0] != shapes[1] or kinds[0] != kinds[1]:
                raise ValueError(
                    f"{name} must be of the type {begun.dtype} and the shape {begun.shape}, it is "
                    f"{found.dtype} and {found.shape}"
                )
    except ValueError as error:
        raise ConfigError(f"{store.state_path(generation)}: damaged: {error}") from error
    return state
