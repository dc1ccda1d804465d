"""One step of Adam as a compiled program, and the learning rates of its schedules, by ``optax``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from spikeloop.workers.xla import jax, precision


@dataclass(frozen=True)
class Ascent:
    """What the program of one step is compiled for: settings of ``bptt`` by the same names."""

    learning_rate: float
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    average: float
    schedule: str
    warmup_generations: int
    decay_generations: int
    final_share: float


@contextmanager
def on_the_processor() -> Iterator[None]:
    """Programs meanwhile run in single precision and on no graphics card.

    So a run has the same bits whether the coordinator's machine has one or not.
    """
    module = jax("bptt")
    with precision("float32"), module.default_device(module.devices("cpu")[0]):
        yield


@lru_cache(maxsize=16)
def step_of(settings: Ascent) -> Callable[..., dict[str, Any]]:
    """Equations (1) to (4) of ``bptt`` as a program, compiled once for all generations.

    It takes the state's arrays in their order, the gradient, the factors ``cut`` of (1) and
    ``share`` of (4), and the counts before the step; it gives the new arrays and the rate, by the
    names of the state's fields. All is elementwise: sums would depend on the number of threads,
    which is why ``optax.clip_by_global_norm`` has no place here.
    """
    module = jax("bptt")
    import optax

    rate_of = schedule(settings)

    def step(
        point: Any,
        first: Any,
        second: Any,
        average: Any,
        bounded: Any,
        *,
        gradient: Any,
        cut: Any,
        share: Any,
        generation: Any,
        n_steps: Any,
    ) -> dict[str, Any]:
        rate = rate_of(generation)
        ascent = optax.chain(
            optax.scale(cut),  # (1)
            optax.scale_by_adam(settings.beta1, settings.beta2, settings.epsilon),  # (2)
            optax.add_decayed_weights(-settings.weight_decay),
            optax.scale(rate),
        )
        tree = optax.tree_utils
        moments = tree.tree_set(ascent.init(point), count=n_steps, mu=first, nu=second)
        weights = point.at[bounded].set(0.0)  # what has bounds does not decay
        update, moments = ascent.update(gradient, moments, weights)
        there = point + update  # (3)
        there = there.at[bounded].set(module.numpy.clip(there[bounded], 0.0, 1.0))
        return {
            "point": there,
            "first": tree.tree_get(moments, "mu"),
            "second": tree.tree_get(moments, "nu"),
            "average": average + share * (there - average) if settings.average else average,  # (4)
            "learning_rate": rate,
        }

    compiled: Callable[..., dict[str, Any]] = module.jit(step)
    return compiled


def schedule(settings: Ascent) -> Callable[[Any], Any]:
    """The learning rate as a function of the generation, counted from 0.

    It rises by equal parts, of which the first generation has one already, until the generation
    after the warm-up has all of it; then it falls until it has its final share, which it keeps.
    """
    import optax

    rate, n_down, share = settings.learning_rate, settings.decay_generations, settings.final_share
    fall: Callable[[Any], Any] = {
        "constant": lambda: optax.constant_schedule(rate),
        "cosine": lambda: optax.cosine_decay_schedule(rate, n_down, share),
        "exponential": lambda: optax.exponential_decay(rate, n_down, share, end_value=rate * share),
    }[settings.schedule]()
    if n_up := settings.warmup_generations:
        rise = optax.linear_schedule(rate / (n_up + 1), rate, n_up)
        fall = optax.join_schedules([rise, fall], [n_up])
    return fall
