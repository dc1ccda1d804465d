"""A run as Python sees it: its tables, its scores and the Θ that it learned."""

from pathlib import Path

import pandas as pd

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.store.run_folder import RunFolder


class Run:
    """One run and what it has found, read from its folder when asked.

    A run that is still going on may be looked at too: every table holds what is committed now.
    """

    def __init__(self, opened: RunFolder) -> None:
        self._opened = opened

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self._opened.folder

    @property
    def name(self) -> str:
        """The name of the run, ``run.name`` of its configuration."""
        return self.config.run.name

    @property
    def config(self) -> RunConfig:
        """The configuration as resolved, every default filled in."""
        return self._opened.config

    @property
    def generations(self) -> pd.DataFrame:
        """One row a generation: fitness of the population, held-out score, budget, times."""
        return self._table("generations")

    @property
    def candidates(self) -> pd.DataFrame:
        """One row a candidate: its parameters in physical units, and its fitness."""
        return self._table("candidates")

    @property
    def episodes(self) -> pd.DataFrame:
        """One row an episode of the search: return, references, score, seeds."""
        return self._table("episodes")

    @property
    def curves(self) -> pd.DataFrame:
        """One row a held-out episode during the search, with its learning curve."""
        return self._table("curves")

    @property
    def transfer(self) -> pd.DataFrame:
        """One row a held-out episode after the search, of the default, random or learned Θ."""
        return self._table("transfer")

    def __repr__(self) -> str:
        """For example ``Run('runs/first', 12 of 12 generations)``."""
        done = max(self._opened.store.generation(), 0)
        return f"Run({str(self.folder)!r}, {done} of {self.config.run.generations} generations)"

    def _table(self, name: str) -> pd.DataFrame:
        table = self._opened.store.table(name)
        return pd.DataFrame() if table is None else table.to_pandas()
