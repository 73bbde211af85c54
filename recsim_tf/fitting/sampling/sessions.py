"""The posterior distributions of what was not logged: the users' initial draws and innovations."""

from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.stages import Recorded, user_step
from recsim_tf.core.types import Nest, Trajectory
from recsim_tf.fitting.logs import SessionLog, as_trajectory, scoring_simulator
from recsim_tf.fitting.parameters.unconstrained import unpack
from recsim_tf.fitting.sampling import nuts

# Prior draws that give the units in which the chains move.
_NUM_PRIOR_DRAWS = 200


class SessionPosterior(NamedTuple):
    """N draws of the latents of S sessions, one chain for each, and how far to trust them. What was
    logged is ().
    """

    initial: Nest  # nest of [N, S, ...]: the users' initial draws
    innovation: Nest  # nest of [N, S, T, ...]: the innovations, 0 after the end of a session
    # [S], of the first against the second half, for the worst latent; above about 1.05 the chain is
    # too short
    r_hat: np.ndarray
    effective_sample_size: np.ndarray  # [S], for the worst latent
    acceptance_rate: np.ndarray  # [S]
    num_divergent: np.ndarray  # int [S], divergent draws


@gin.configurable(module="recsim_tf", denylist=["log"])
def sample_sessions(
    simulator: Simulator,
    log: SessionLog,
    num_samples: int = 500,
    num_burnin_steps: int = 300,
    jit_compile: bool = True,
    seed: int = 0,
    progress: bool = True,
) -> SessionPosterior:
    """Draws the latents of logged sessions from their posterior distributions by the No-U-Turn
    Sampler.

    The latents are the draws of the users that the log lacks: `log.initial`, `log.innovation` or
    both. Everything else is given, and so are the parameters. All sessions run side by side, each
    with a chain and a step size of its own. A step takes as long as the longest of their paths, so
    long logs are sampled faster by parts, `log.take(rows)`. If users leave by a rule, the
    log-likelihood does not depend on when they left.

    Args:
      simulator: the models, with their parameters. Latents must have a density: initial draws on
        any support that TFP has a bijector to, innovations on all of the reals, as `tfd.Normal`.
      log: the sessions; () as `initial`, as `innovation` or as both.
      num_samples: draws of each session, at least 4.
      num_burnin_steps: draws before them that adapt the step sizes, at least 1.
      jit_compile: whether to compile with XLA, which takes some seconds and makes draws several
        times faster.
      seed: an integer or int32 [2].
      progress: whether to show a progress bar.

    Raises:
      ValueError: for an argument out of range, a log without sessions or latents, or latents of
        another kind.
    """
    nuts.check_numbers(num_samples, num_burnin_steps)
    if not log.num_sessions:
        raise ValueError("the log must have at least one session, got none")
    prior_seed, chain_seed = random.split_seed(seed, 2)
    latents = _Latents(simulator, log, prior_seed)
    chains = nuts.sample_chains(
        latents.log_density,
        latents.start,
        num_samples,
        num_burnin_steps,
        chain_seed,
        jit_compile,
        progress,
    )
    initial, innovation = tf.nest.map_structure(
        lambda leaf: leaf.numpy(), latents.values(chains.positions)
    )
    by_session = chains.positions[:, np.newaxis]
    return SessionPosterior(
        initial=initial,
        innovation=innovation,
        r_hat=np.where(latents.counts, nuts.potential_scale_reduction(by_session), 1).max(-1),
        effective_sample_size=np.where(
            latents.counts, nuts.effective_sample_size(by_session), np.inf
        ).min(-1),
        acceptance_rate=chains.acceptance_rate,
        num_divergent=chains.num_divergent,
    )


class _Latents:
    """What S sessions leave latent, as D coordinates over the reals in units of their standard
    deviations under the prior.

    Attributes:
      start: [S, D], a draw from about the prior.
      counts: bool [S, D], False for the innovations after the end of a session.
    """

    def __init__(self, simulator: Simulator, log: SessionLog, seed):
        initial_seed, innovation_seed = random.split_seed(seed, 2)
        self._scorer = scoring_simulator(simulator)
        self._active = log.active
        self._bijector, initial, innovation = None, (), ()
        if not tf.nest.flatten(log.initial):
            distribution = self._scorer.users.initial_draws(log.num_sessions)
            self._bijector = _bijector("initial draws", distribution)
            draws = distribution.sample(_NUM_PRIOR_DRAWS, seed=initial_seed)
            log = log._replace(initial=nests.at_step(draws, 0))
            # A uniform draw may lie on the edge of its support.
            initial = tf.nest.map_structure(
                lambda x: tf.where(tf.math.is_finite(x), x, 0), self._bijector.inverse(draws)
            )
        self._trajectory = as_trajectory(
            log, self._scorer, log.num_sessions, latent=not tf.nest.flatten(log.innovation)
        )
        distribution = (
            None
            if tf.nest.flatten(log.innovation)
            else _first_innovation(self._scorer, self._trajectory)
        )
        if distribution is not None:
            draws = distribution.sample([_NUM_PRIOR_DRAWS, log.max_length], seed=innovation_seed)
            _check_real(distribution, draws)
            innovation = tf.nest.map_structure(lambda leaf: tnp.swapaxes(leaf, 1, 2), draws)
        if not tf.nest.flatten((initial, innovation)):
            raise ValueError(
                "the log must lack the initial draws or the innovations, got all that the models"
                " draw"
            )
        like = nests.at_step((initial, innovation), 0)
        self._specs = tf.nest.map_structure(
            lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), like
        )
        prior = _pack((initial, innovation), 2)
        self._scale = tf.math.reduce_std(prior, axis=0)
        self.start = prior[0] / self._scale
        ones = tf.nest.map_structure(tf.ones_like, like)
        self.counts = _pack((ones[0], self._in_session(ones[1])), 1).numpy() > 0

    def log_density(self, positions: tf.Tensor) -> tf.Tensor:
        """[S]: of coordinates [S, D], -inf where the models are impossible."""
        initial, innovation = self._unpack(positions)
        trajectory, log_det = self._trajectory, 0.0
        if self._bijector is not None:
            event_ndims = tf.nest.map_structure(lambda leaf: leaf.shape.rank - 1, initial)
            log_det = self._bijector.forward_log_det_jacobian(initial, event_ndims)
            trajectory = trajectory._replace(
                initial=trajectory.initial._replace(user=self._bijector.forward(initial))
            )
        if tf.nest.flatten(innovation):
            steps_first = tf.nest.map_structure(lambda leaf: tnp.swapaxes(leaf, 0, 1), innovation)
            transitions = trajectory.transitions
            trajectory = trajectory._replace(
                transitions=transitions._replace(
                    draws=transitions.draws._replace(innovation=steps_first)
                )
            )
        log_prob = tf.cast(self._scorer.log_prob(trajectory).user + log_det, positions.dtype)
        # What comes after the end of a session acts on nothing, and would be unbounded.
        rest = -0.5 * tf.reduce_sum(tf.where(~self.counts, positions**2, 0), axis=1)
        return tf.where(tf.math.is_finite(log_prob), log_prob + rest, -np.inf)

    def values(self, positions: np.ndarray) -> tuple[Nest, Nest]:
        """The initial draws, nest of [N, S, ...], and the innovations, nest of [N, S, T, ...], at
        coordinates [N, S, D].
        """
        initial, innovation = self._unpack(tf.constant(positions))
        return (
            initial if self._bijector is None else self._bijector.forward(initial)
        ), self._in_session(innovation)

    def _unpack(self, positions: tf.Tensor) -> tuple[Nest, Nest]:
        return unpack(positions * self._scale, self._specs)

    def _in_session(self, innovation: Nest) -> Nest:
        """Innovations [..., S, T, ...] with zeros after the ends of the sessions."""

        def mask(leaf, spec):
            # The axes of a spec are the steps and those of a draw.
            active = tf.reshape(self._active, [*self._active.shape, *[1] * (spec.shape.rank - 1)])
            return tf.where(active, leaf, 0)

        return tf.nest.map_structure(mask, innovation, self._specs[1])


def _bijector(name: str, distribution: tfd.Distribution) -> tfb.Bijector:
    """The bijector from the reals to the support of a distribution."""
    if not all(dtype.is_floating for dtype in tf.nest.flatten(distribution.dtype)):
        raise ValueError(
            f"latent {name} must be continuous, got {distribution.name} of {distribution.dtype}"
        )
    bijector = distribution.experimental_default_event_space_bijector()
    if bijector is None:
        raise ValueError(
            f"latent {name} must have a support that TFP has a bijector to, got {distribution.name}"
        )
    return bijector


class _FirstInnovation(Recorded):
    """The answers of a recorded step without its innovation, whose distribution it keeps."""

    distribution: tfd.Distribution | None = None

    def sample(self, stage, distribution, who=None):
        if stage != "innovation":
            return super().sample(stage, distribution, who)
        self.distribution = distribution
        return random.sample(distribution, random.as_seed(0))


def _first_innovation(scorer: Simulator, trajectory: Trajectory) -> tfd.Distribution | None:
    """The distribution of the innovations at the first step, or None where the users have none."""
    state = scorer.initial_state(trajectory.initial)
    first = nests.at_step(trajectory.transitions, 0)
    stages = _FirstInnovation(first.draws._asdict())
    user_step(scorer.users, state.user, scorer.shown(state, first), stages)
    return stages.distribution


def _check_real(distribution: tfd.Distribution, draws: Nest) -> None:
    """Raises a ValueError unless innovations may be all reals: the support of others could change
    with the state.
    """
    if not all(leaf.dtype.is_floating for leaf in tf.nest.flatten(draws)):
        raise ValueError(
            f"latent innovations must be continuous, got {distribution.name}: for discrete ones use"
            " num_particles of fit"
        )
    ones = tf.nest.map_structure(tf.ones_like, nests.at_step(draws, 0))
    image = distribution.experimental_default_event_space_bijector().forward(ones)
    if isinstance(distribution, tfd.Masked) or not all(
        np.all(leaf == 1) for leaf in tf.nest.flatten(image)
    ):
        raise ValueError(
            "latent innovations must be of all reals at every step, as a Normal, got"
            f" {distribution.name}"
        )


def _pack(nest: Nest, num_axes: int) -> tf.Tensor:
    """The leaves of a nest, each flat after its leading axes, side by side: [..., D]."""
    leaves = tf.nest.flatten(nest)
    flat = [
        tf.reshape(tf.cast(leaf, leaves[0].dtype), [*leaf.shape[:num_axes], -1]) for leaf in leaves
    ]
    return tf.concat(flat, axis=-1)
