"""Read the held-out scores that were measured during a search, as points of a curve."""

import math
from collections.abc import Iterator

from spikeloop.coordinator.stats.scores import frame_gain_and_span, score
from spikeloop.coordinator.store.run_store import RunStore


def measured_scores(store: RunStore) -> Iterator[list[float | int | None]]:
    """Give (generation, episodes so far, held-out score) of each measurement during a search.

    The score is None where no held-out episode counts.
    """
    curves = store.table("curves")
    if curves is None:
        return
    rows = store.rows(["generation", "total_episodes"])
    episodes = {row["generation"]: row["total_episodes"] for row in rows}
    frame = curves.select(["generation", "return", "random", "optimal", "status"]).to_pandas()
    frame = frame[frame["status"] == "ok"]
    gain, span = frame_gain_and_span(frame)
    sums = frame.assign(gain=gain, span=span).groupby("generation")[["gain", "span"]].sum()
    scores = score(sums["gain"].to_numpy(), sums["span"].to_numpy())
    for generation, value in zip(sums.index, scores, strict=True):
        number = float(value)
        finite = number if math.isfinite(number) else None
        yield [int(generation), episodes.get(int(generation), 0), finite]
