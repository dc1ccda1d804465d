"""The optional extras of this package: what each is for, and which of them are installed."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement

NAME = "spikeloop"

PURPOSES = {
    "brian": "Brian2 networks as learners (brian_*)",
    "lsnn": "spiking networks trained by gradients (lsnn, bptt)",
    "interpret": "decoders and regressions of learned networks and rules (interpret)",
    "nir": "learned networks for other simulators (export --to nir)",
    "gym": "families of tasks as Gymnasium environments",
    "tensorboard": "runs followed in TensorBoard (trackers)",
    "wandb": "runs followed in Weights & Biases (trackers)",
    "mlflow": "runs followed in MLflow (trackers)",
    "postgres": "studies of comparisons in PostgreSQL (tuning.storage)",
    "dashboard": "Optuna's web dashboard over a comparison",
    "docs": "the documentation site, for developers",
    "benchmark": "what benchmarks compare with, for developers",
    "dev": "tests and lint, for developers",
}
"""What each extra of pyproject.toml is for, in a few words."""


@dataclass(frozen=True)
class Extra:
    """An extra as it is installed here.

    Attributes:
        name: of the extra.
        purpose: what it is for.
        versions: of its packages that are installed.
        missing: its packages that are not, or in another version than is required.
    """

    name: str
    purpose: str
    versions: dict[str, str]
    missing: tuple[str, ...]


def extras() -> Iterator[Extra]:
    """Give every extra that the metadata of the installed package names; none without it."""
    try:
        distribution = metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        return
    required = [Requirement(line) for line in distribution.requires or ()]
    for name in distribution.metadata.get_all("Provides-Extra") or ():
        versions, missing = {}, []
        for one in required:
            if one.name == NAME or one.marker is None or not one.marker.evaluate({"extra": name}):
                continue
            if one.marker.evaluate({"extra": ""}):  # needed with or without the extra
                continue
            found = _version(one.name)
            if found is not None and one.specifier.contains(found, prereleases=True):
                versions[one.name] = found
            else:
                missing.append(one.name if found is None else f"{one.name}{one.specifier}")
        yield Extra(name, PURPOSES.get(name, ""), versions, tuple(missing))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
