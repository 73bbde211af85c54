# SPDX-License-Identifier: Apache-2.0
"""The likelihood of logs that lack the users' innovations, by particle filters."""

import dataclasses
from typing import ClassVar

import tensorflow as tf
from tensorflow_probability import distributions as tfd
from tensorflow_probability.python.experimental import mcmc

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import Count, checked, configurable
from recsim_tf.core.base.types import Nest, Seed, SimulatorState, StepDraws, Trajectory, Transition
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.stages import Stages, log_prob_per_user, user_step
from recsim_tf.fitting.methods.initial import InitialMethod
from recsim_tf.fitting.methods.proposals import copies, log_mean, propose
from recsim_tf.fitting.methods.scores import Lacking, Scored, SessionScore
from recsim_tf.fitting.methods.session_method import SessionMethod

# Of each session, for `log_mean`.
_NUM_FILTERS = 2


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Particles(SessionMethod):
    """An estimate of the likelihood by particle filters, for logs that lack the users' innovations,
    discrete or not, see `marginal_log_prob`. Its noise is new in every minibatch.

    Args:
      num_particles: the particles of each of the two filters of a session, at least 1.
      initial: the method for initial draws that the log lacks too: `Classes()`, `MeanField()` or
        `Draws()`; None where it has them.
      search: see `Exact`.
      uncertainty: `Curvature()`, which is the default, or None.
      jit_compile: whether to compile with XLA, which makes filters several times faster.
    """

    num_particles: Count = 20
    initial: InitialMethod | None = None

    sums_innovations: ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        if self.initial is not None and self.initial.search is not None:
            raise ValueError(
                "initial must have no search, which is that of Particles(search=...), got"
                f" {self.initial}"
            )

    @property
    def has_posteriors(self) -> bool:
        """See `SessionMethod.has_posteriors`."""
        return self.initial is not None and self.initial.has_posteriors

    @property
    def of_new_users(self) -> "Particles":
        """See `Method.of_new_users`."""
        initial = self.initial and self.initial.of_new_users
        return dataclasses.replace(self, initial=initial)

    def session_score(self, lacking: Lacking) -> SessionScore:
        """See `SessionMethod.session_score`."""

        def score(simulator, sessions, rows, seeds):
            del rows
            return Scored(
                marginal_log_prob(simulator, sessions, self.num_particles, seeds.innovation)
            )

        words = f"the innovations summed out by two filters of {self.num_particles} particles"
        filters = SessionScore(score, (words,), is_estimate=True)
        if self.initial is not None:
            return self.initial.around(filters, lacking)
        if lacking.parts:
            raise ValueError(
                "method must be Particles(initial=Classes(), MeanField() or Draws()) for a log"
                " that lacks initial draws, got Particles()"
            )
        return filters

    def known_score(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """See `SessionMethod.known_score`."""
        return inner if self.initial is None else self.initial.known_score(inner, lacking)


@checked
def marginal_log_prob(
    simulator: Simulator, trajectory: Trajectory, num_particles: Count, seed: Seed
) -> tf.Tensor:
    """Estimates the log-likelihood of sessions with the innovations summed out, [B].

    Each session has two independent particle filters. A filter's particles are states of its user
    that follow different innovations. A step weighs the particles by the logged response, draws an
    innovation for each, and weighs them by the logged departure if leaving is a hazard (Gordon et
    al. 1993). When the effective number of a session's particles has fallen below half of them,
    they are resampled, systematically (Doucet & Johansen 2011, "A tutorial on particle filtering
    and smoothing", section 3). Other sessions are not, since each resampling adds noise to all
    later steps.

    A filter's estimate Z of the likelihood is unbiased, so log Z is low by half its variance. The
    variance grows with the effect of the innovations, so a fit would find that effect too small.
    The gradient of log Z is biased in the same way. The two filters together take away the part of
    both biases that falls as 1 / num_particles, see `log_mean`.

    The gradient also holds for parameters that change the probability of a discrete innovation. An
    innovation is proposed from its distribution at the present parameters, taken as constant, and
    weighed by its probability over that of the proposal: the weight is one, but has a gradient.
    Resampling keeps the gradients of the weights (Scibior et al. 2021, arXiv 2106.10314).

    Args:
      simulator: the simulator whose models score the sessions. Its parameters are scalars or
        tables, not [B].
      trajectory: a trajectory of single sessions, [T, B, ...]. Its innovations are not read.
      num_particles: P, of each of the two filters of a session, at least 1.
      seed: an integer or int32 [2]. With the same seed and parameters the estimate is the same.

    Returns:
      The users' part, as `Simulator.log_prob(...).user`, without the innovations.
    """
    num_steps, num_users = trajectory.transitions.reward.shape
    initial = log_prob_per_user(
        "user", simulator.users.initial_draws(num_users), trajectory.initial.user
    )
    first = simulator.initial_state(trajectory.initial)
    particles = copies(first.user, num_particles * _NUM_FILTERS)
    log_weights = tf.fill(
        [num_particles, _NUM_FILTERS, num_users],
        -tf.math.log(tf.cast(num_particles, initial.dtype)),
    )

    def body(step, particles, log_weights, totals, seed):
        seed, innovation_seed, resampling_seed = random.split_seed(seed, 3)
        later = nests.at_step(trajectory.transitions.draws.candidates, tf.maximum(step - 1, 0))
        state = first._replace(
            candidates=tf.nest.map_structure(
                lambda begun, drawn: tf.where(step == 0, begun, drawn), first.candidates, later
            )
        )
        transition = nests.at_step(trajectory.transitions, step)
        particles, log_factors = _move(simulator, state, transition, particles, innovation_seed)
        log_weights += tf.reshape(log_factors, log_weights.shape)
        log_means = tf.reduce_logsumexp(log_weights, axis=0)
        particles, log_weights = _resample(particles, log_weights - log_means, resampling_seed)
        return step + 1, particles, log_weights, totals + log_means, seed

    end = tf.math.count_nonzero(
        tf.reduce_any(trajectory.transitions.active, axis=1), dtype=tf.int32
    )
    loop_vars = (
        0,
        particles,
        log_weights,
        tf.zeros([_NUM_FILTERS, num_users], initial.dtype),
        random.as_seed(seed),
    )
    totals = tf.while_loop(
        lambda step, *_: step < end, body, loop_vars, maximum_iterations=num_steps
    )[3]
    return initial + log_mean(totals)


class _Proposed(Stages):
    """The recorded draws [P * R * B, ...] of a step, and innovations that are proposed for each
    particle.
    """

    def __init__(self, draws: StepDraws, seed: Seed):
        self._draws = draws._asdict()
        self._seed = seed
        # [P * R * B], the logs of the factors of the weights.
        self.log_factors: tf.Tensor | float = 0.0

    def sample(
        self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None
    ) -> Nest:
        if stage == "innovation":
            draw, log_factor = propose(stage, distribution, self._seed)
        else:
            draw = self._draws[stage]
            log_factor = log_prob_per_user(stage, distribution, draw)
        self.log_factors += log_factor
        return draw


def _move(
    simulator: Simulator, state: SimulatorState, transition: Transition, particles: Nest, seed: Seed
) -> tuple[Nest, tf.Tensor]:
    """Particles [P * R * B, ...] of the users' state after a recorded step of B users, and the logs
    [P * R * B] of the factors of their weights. Of the state before the step candidates are read.
    """
    num_copies = nests.batch_size(particles) // transition.active.shape[0]
    slate, draws, active = copies(
        (simulator.shown(state, transition), transition.draws, transition.active), num_copies
    )
    stages = _Proposed(draws, seed)
    moved = user_step(simulator.users, particles, slate, stages).user
    return nests.where(active, moved, particles), tf.where(active, stages.log_factors, 0)


def _resample(particles: Nest, log_weights: tf.Tensor, seed: Seed) -> tuple[Nest, tf.Tensor]:
    """Particles [P * R * B, ...] and their normalized log-weights [P, R, B], resampled where a
    filter's weights have become uneven.

    The kernel `tfp.experimental.mcmc.SequentialMonteCarlo` cannot choose by session where particles
    have more axes than their weights.
    """
    num_particles = log_weights.shape[0]
    constant = tf.stop_gradient(log_weights)
    uneven = mcmc.ess_below_threshold(mcmc.WeightedParticles((), constant))
    ancestors = systematic_ancestors(constant, seed)
    rows = tf.reshape(tf.range(log_weights.shape.num_elements()), log_weights.shape)
    chosen = tf.reshape(
        tf.where(uneven, rows[:1] + ancestors * rows[0].shape.num_elements(), rows), [-1]
    )
    even = _take(tf.reshape(log_weights - constant, [-1]), chosen) - tf.math.log(
        tf.cast(num_particles, constant.dtype)
    )
    return _take(particles, chosen), tf.where(
        uneven, tf.reshape(even, log_weights.shape), log_weights
    )


def systematic_ancestors(
    log_weights: tf.Tensor, seed: Seed, number: int | None = None
) -> tf.Tensor:
    """The particles that are kept by systematic resampling, int32 [N, ...], given the logs [P, ...]
    of their normalized weights; N = P by default.

    `tfp.experimental.mcmc.resample_systematic` does the same; it sorts, which takes most of a
    filter's time under XLA.
    """
    num_particles, *filters = log_weights.shape
    number = number or num_particles
    axes = list(range(1, len(filters) + 1))
    cumulative = tf.cumsum(tf.transpose(tf.exp(log_weights), [*axes, 0]), axis=-1)
    points = (
        tf.range(number, dtype=log_weights.dtype)
        + random.uniform([*filters, 1], seed, log_weights.dtype)
    ) / number
    # Without the last sum, which rounding may leave below the last point.
    ancestors = tf.searchsorted(cumulative[..., :-1] / cumulative[..., -1:], points, side="right")
    return tf.transpose(ancestors, [len(filters), *range(len(filters))])


def _take(nest: Nest, rows: tf.Tensor) -> Nest:
    return tf.nest.map_structure(
        lambda leaf: tf.ensure_shape(tf.gather(leaf, rows), leaf.shape), nest
    )
