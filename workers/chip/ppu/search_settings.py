"""Settings of a search on the plasticity processor in coordinates, and the words they become."""

from typing import Self

from pydantic import Field, model_validator

from spikeloop.tasks.base import IntArray
from spikeloop.tasks.settings import Settings
from spikeloop.workers.chip.limits import REWARD_ONE_Q7
from spikeloop.workers.chip.ppu.coordinates import PER_UNIT
from spikeloop.workers.chip.ppu.search_memory import (
    ALGORITHMS,
    DIFFERENCE_SHIFT,
    MAX_CANDIDATES,
    MAX_RATE,
    MAX_SIGMA,
    MIN_SIGMA,
    MOMENTUM,
    NOISE_DEVIATION,
    Algorithm,
    SearchConstants,
    SearchMemory,
    max_step,
    new_memory,
)

MAX_DEVIATION = MAX_SIGMA * NOISE_DEVIATION / 256 / PER_UNIT
"""Largest σ, 0.289 of a bounded parameter's range."""


class SearchSettings(Settings):
    """What the host chooses of a search; ranges are those of the processor's words."""

    algorithm: Algorithm = Field(
        default="evolution", description="evolution strategy, (1 + 1), SPSA or annealing"
    )
    population_size: int = Field(
        default=32,
        ge=2,
        le=MAX_CANDIDATES,
        multiple_of=2,
        description="candidates of a generation of evolution; the others have 2",
    )
    sigma: float = Field(
        default=0.15,
        ge=0.001,
        le=0.28,
        description="first standard deviation of the search, in coordinates; a weight's go to ±4, "
        "of which it is this part of 8",
    )
    learning_rate: float = Field(
        default=0.2, gt=0, description="factor on the estimated gradient, of evolution"
    )
    gain: float = Field(
        default=0.002,
        gt=0,
        description="step for each reward by which the two sides differ, as part of their distance "
        "from the centre, of spsa",
    )
    temperature: float = Field(
        default=10.0,
        gt=0,
        le=516,
        description="rewards by which a candidate may be worse to be taken half of the time, of "
        "annealing",
    )
    halve_every: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="generations after which sigma and the step, or the temperature, are halved; "
        "0: never",
    )

    @model_validator(mode="after")
    def _rate_fits_its_word(self) -> Self:
        rate, most = self.rate, MAX_RATE
        if self.algorithm == "evolution":
            most = max_step(self.population_size)
        if not 1 <= rate <= most:
            key = {"evolution": "learning_rate", "spsa": "gain"}.get(self.algorithm, "temperature")
            raise ValueError(
                f"{key} must become a step of 1 to {most} on the processor, with sigma and "
                f"population_size as they are; got {rate}"
            )
        return self

    @property
    def candidates(self) -> int:
        """Return the candidates of a generation."""
        return self.population_size if self.algorithm == "evolution" else 2

    @property
    def sigma_word(self) -> int:
        """Return σ as the processor has it, in 256 / 147.8 coordinates."""
        word = round(self.sigma * PER_UNIT * 256 / NOISE_DEVIATION)
        return min(max(word, MIN_SIGMA), MAX_SIGMA)

    @property
    def rate(self) -> int:
        """Return the second word of a search's rates: a step, or a temperature.

        Evolution's centred ranks are 2 (n − 1) times as large as the paper's, noise is in units of
        147.8 and momentum makes steps 256 / 51 times as long; so α becomes

            4096 · 51/256 · 65536 α / (2 (n − 1) · 147.8 · n σ).
        """
        if self.algorithm == "spsa":
            return round(self.gain * self.sigma * PER_UNIT * 256)
        if self.algorithm != "evolution":
            return round(self.temperature * REWARD_ONE_Q7)
        n = self.population_size
        per_rank = 2 * (n - 1) * NOISE_DEVIATION * n * self.sigma
        return round(4096 * (256 - MOMENTUM) / 256 * PER_UNIT * self.learning_rate / per_rank)

    def constants(self) -> SearchConstants:
        """Return what the host writes before the search."""
        return SearchConstants(
            algorithm_u8=ALGORITHMS.index(self.algorithm),
            n_pairs_u8=self.candidates // 2,
            halve_every_u16=self.halve_every,
            shift_u8=DIFFERENCE_SHIFT,
        )

    def memory(self, x: IntArray) -> SearchMemory:
        """Return the memory before the first generation, from the (n_dim,) first coordinates."""
        return new_memory(x, self.sigma_word, self.rate)
