"""What is sent to a cluster: a run, a comparison or a sweep, as one value for all three."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.store.folder_kind import Kind
from spikeloop.coordinator.store.run_folder import CHANGES_NOTHING

COMMANDS: Mapping[Kind, str] = {"run": "run", "comparison": "compare", "sweep": "sweep"}
"""The command that starts one of a kind, and with ``--resume`` goes on with it."""


@dataclass(frozen=True)
class Submission:
    """A run, a comparison or a sweep that is to be carried out elsewhere.

    Attributes:
        kind: which of these it is.
        name: of its folder, and of its job.
        path: its configuration file.
        configs: of its runs: one for each strategy or setting, or that of the run itself.
        sets: overrides as ``--set`` has them.
        options: the other options that define it, such as ``--over``, word by word.
        plan: what its results depend on besides its runs, as JSON has it; None for a run.
        size: how many generations, searches of the final phase, or runs it has.
    """

    kind: Kind
    name: str
    path: Path
    configs: tuple[RunConfig, ...]
    sets: tuple[str, ...]
    options: tuple[str, ...]
    plan: Any
    size: int

    @property
    def command(self) -> str:
        """The command that starts it."""
        return COMMANDS[self.kind]

    @property
    def own_classes(self) -> Path | None:
        """The folder of the user's own classes; None if it has none."""
        return next((one.working_dir for one in self.configs if one.working_dir), None)

    @property
    def upload_to(self) -> str:
        """The storage that it is uploaded to; "" for none, as for all but a run."""
        return self.configs[0].run.upload_to if self.kind == "run" else ""

    @property
    def rename(self) -> str:
        """The way to another name, for messages."""
        return f"give the {self.kind} another name with --set {self.kind}.name=NAME"

    def digest(self) -> str:
        """A digest of everything that its results depend on."""
        digests = [config_digest(config) for config in self.configs]
        return digests[0] if self.plan is None else _digest([self.plan, digests])


def config_digest(config: RunConfig) -> str:
    """A digest of everything in a configuration that its results depend on."""
    tables = config.tables()
    del tables["target"]
    for key in CHANGES_NOTHING:
        table, _, name = key.partition(".")
        if name:
            tables.get(table, {}).pop(name, None)
        else:
            tables.pop(table, None)
    return _digest(tables)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
