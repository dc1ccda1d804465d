"""The objective that the weights of a network are trained by, over the episodes of a tile.

Where the feedback is a target, it is the mean reward of a decision, minus the squared error, scaled
by ``reward_scale``. Where it is a reward, it is the advantage actor-critic of Mnih et al. 2016
("Asynchronous methods for deep reinforcement learning", ICML), as Wang et al. 2016 ("Learning to
reinforcement learn") use it. With policy π, value V, rewards r scaled by ``reward_scale``, discount
γ and trace λ,

    δ_t = r_t + γ V_{t+1} − V_t          A_t = δ_t + γ λ A_{t+1}                            (1)
    J = mean_t [ A_t log π(a_t) − ½ c_v (A_t + V_t − V_t′)² + c_e H(π_t) ]                 (2)

where A_t is a constant to the gradient and so is all of the target A_t + V_t in the second term, so
that only V′ learns there (generalised advantage estimation, Schulman et al. 2016; λ = 1 is the
whole return that follows, less a baseline). After the last decision V is 0. Where gradients are
truncated, A is not carried over a cut: the return after it is estimated by V alone. The entropy H
has a cost c_e that goes linearly from its first to its last value over the search.

To both, firing rates f_j (Hz, mean over episodes and time) add − c_f mean_j (f_j − f₀)².

Where the family names the latents λ_k that define a task, further readouts y_k can be trained to
name them after every decision, which adds

    − c_l mean_{t,k} (λ_k − g_l y_k)²                                                      (3)

The network gets no other input by this; these readouts serve no answer, and train the state that
all readouts share. A gradient through the answers alone knows a task by one number a decision,
mostly noise at first, and this one by all its latents: an auxiliary task (Jaderberg et al. 2017,
"Reinforcement learning with unsupervised auxiliary tasks", ICLR).
"""

from typing import Any, NamedTuple

from pydantic import Field

from spikeloop.tasks.settings import Settings
from spikeloop.workers.xla import jax


class Decisions(NamedTuple):
    """The decisions of episodes side by side: (n_steps, n_episodes).

    Attributes:
        reward: of each.
        log_chance: log π of the action taken; 0 where the feedback is a target.
        entropy: H(π), in nats; 0 where the feedback is a target.
        value: V before the decision; 0 where the feedback is a target.
        latent_error: mean squared error of the answers for the task's latents; None without them.
    """

    reward: Any
    log_chance: Any
    entropy: Any
    value: Any
    latent_error: Any = None


class Objective(Settings):
    """Costs and scales of the objective."""

    rate_hz: float = Field(default=20.0, ge=0, le=1000, description="f₀, wanted firing rate")
    rate_cost: float = Field(default=1e-4, ge=0, description="c_f, per Hz²")
    discount: float = Field(default=0.9, ge=0, le=1, description="γ of rewards")
    trace: float = Field(default=1.0, ge=0, le=1, description="λ of advantages")
    reward_scale: float = Field(default=1.0, gt=0, description="factor on rewards in training")
    value_cost: float = Field(default=0.5, ge=0, description="c_v")
    entropy_cost: float = Field(default=0.05, ge=0, description="c_e at first")
    last_entropy_cost: float = Field(default=0.0, ge=0, description="c_e in the end")

    latent_cost: float = Field(
        default=0.0, ge=0, description="c_l of a task's latents; 0: they are not trained"
    )
    latent_gain: float = Field(
        default=6.0, gt=0, description="g_l, latents in [-1, 1] for a readout of 1"
    )

    def of_targets(self, decisions: Decisions) -> Any:
        """Return the mean reward, scaled."""
        return self.reward_scale * decisions.reward.mean()

    def of_rewards(self, decisions: Decisions, progress: Any, truncation: int) -> Any:
        """Return J of (2).

        Args:
            decisions: of the episodes.
            progress: share of the search that is done, in [0, 1).
            truncation: decisions between two cuts of the gradient; 0 for none.
        """
        xp, lax = jax().numpy, jax().lax
        n_steps = decisions.reward.shape[0]
        value = lax.stop_gradient(decisions.value)
        following = xp.concatenate([value[1:], xp.zeros_like(value[:1])])
        surprise = self.reward_scale * decisions.reward + self.discount * following - value
        step = xp.arange(n_steps)
        carried = (step + 1) % truncation != 0 if truncation else step >= 0

        def backwards(later: Any, given: Any) -> Any:
            delta, carries = given
            advantage = delta + self.discount * self.trace * carries * later
            return advantage, advantage

        _, advantage = lax.scan(
            backwards, xp.zeros_like(value[0]), (surprise, carried), reverse=True
        )
        entropy_cost = self.entropy_cost + progress * (self.last_entropy_cost - self.entropy_cost)
        gained = (
            advantage * decisions.log_chance
            - 0.5 * self.value_cost * (advantage + value - decisions.value) ** 2
            + entropy_cost * decisions.entropy
        )
        return gained.mean()

    def of_latents(self, decisions: Decisions) -> Any:
        """Return the part of (3); 0 without latents."""
        if decisions.latent_error is None:
            return 0.0
        return -self.latent_cost * decisions.latent_error.mean()

    def of_rates(self, spikes_per_step: Any, step_ms: float) -> Any:
        """Return the part of firing rates.

        Args:
            spikes_per_step: (n_neurons,) mean over episodes and time steps.
            step_ms: length of a time step.
        """
        rate_hz = spikes_per_step * (1000.0 / step_ms)
        return -self.rate_cost * ((rate_hz - self.rate_hz) ** 2).mean()
