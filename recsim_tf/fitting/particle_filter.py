"""The likelihood of logs that lack the users' innovations, by a particle filter."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd
from tensorflow_probability.python.experimental import mcmc

from recsim_tf.core import nests, random
from recsim_tf.core.draws import log_prob_per_user
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Slate, Trajectory


def marginal_log_prob(simulator: Simulator, trajectory: Trajectory, num_particles: int, seed) -> tf.Tensor:
    """Estimates the log-likelihood of sessions with the innovations summed out, [B].

    Each session has particles, states of its user that follow different innovations. A step weighs them by the logged response, lets
    every one draw an innovation, and weighs them by the logged departure where leaving is a hazard. Where the particles of some session
    have come to differ much in weight they are resampled (Gordon et al. 1993; `tfp.experimental.mcmc.SequentialMonteCarlo`).

    The exponential of the estimate is an unbiased estimate of the likelihood, so the estimate itself is low by half its variance, which
    falls as 1 / num_particles. Its gradient is right for parameters that act through the probability of a discrete innovation too: each
    is proposed from its own distribution at the present parameters, taken as constant, and weighed by its probability over that of the
    proposal, a weight of one that has a gradient; and resampling keeps the weights' gradients (Scibior et al. 2021, arXiv 2106.10314).

    Args:
      simulator: its models score the sessions; parameters are scalars or tables, not [B].
      trajectory: of single sessions, [T, B, ...]. Innovations in it are not read.
      num_particles: P, of each session.
      seed: an integer or int32 [2]. With the same seed and parameters the estimate is the same.

    Returns:
      The users' part, as `Simulator.log_prob(...).user`, without the innovations.

    Raises:
      ValueError: if num_particles is below 1.
    """
    if num_particles < 1:
        raise ValueError(f"num_particles must be at least 1, got {num_particles}")
    num_steps, num_users = trajectory.transitions.reward.shape
    first = simulator.initial_state(trajectory.initial).user
    particles = tf.nest.map_structure(lambda leaf: tf.tile(leaf[tf.newaxis], [num_particles, *[1] * leaf.shape.rank]), first)
    initial = log_prob_per_user("user", simulator.users.initial_draws(num_users), trajectory.initial.user)
    kernel = mcmc.SequentialMonteCarlo(_move(simulator, trajectory), resample_criterion_fn=_some_are_uneven)
    uniform = tf.fill([num_particles, num_users], -tf.math.log(tf.cast(num_particles, initial.dtype)))

    def body(step, particles, log_weights, total, seed):
        seed, step_seed = random.split_seed(seed, 2)
        state = mcmc.WeightedParticles(particles, log_weights)
        # At its first step the kernel would not move the particles.
        results = kernel.bootstrap_results(state)._replace(steps=step + 1)
        state, results = kernel.one_step(state, results, seed=step_seed)
        return step + 1, state.particles, state.log_weights, total + results.incremental_log_marginal_likelihood, seed

    loop_vars = (0, particles, uniform, initial, random.as_seed(seed))
    return tf.while_loop(lambda *_: tf.constant(True), body, loop_vars, maximum_iterations=num_steps)[3]


def _some_are_uneven(state: mcmc.WeightedParticles) -> tf.Tensor:
    """A scalar: the kernel cannot choose by session where particles have more axes than their weights."""
    return tf.reduce_any(mcmc.ess_below_threshold(state))


def _move(simulator: Simulator, trajectory: Trajectory):
    """The function that moves particles through a step of the trajectory and weighs them."""

    def move(step, state: mcmc.WeightedParticles, seed) -> mcmc.WeightedParticles:
        num_particles, num_users = state.log_weights.shape
        transition = nests.at_step(trajectory.transitions, step)

        def every_particle(nest):
            """A nest of [B, ...] as [P * B, ...]."""
            return tf.nest.map_structure(lambda leaf: tf.tile(leaf, [num_particles, *[1] * (leaf.shape.rank - 1)]), nest)

        def by_particle(leaf):
            return tf.reshape(leaf, [num_particles, num_users, *leaf.shape[1:]])

        users = simulator.users
        user = tf.nest.map_structure(lambda leaf: tf.reshape(leaf, [num_particles * num_users, *leaf.shape[2:]]), state.particles)
        slate = every_particle(_slate(simulator, trajectory, step))
        response_draw = every_particle(transition.draws.response)
        log_weights = log_prob_per_user("response", users.response(user, slate), response_draw)
        response = users.outcome(user, slate, response_draw)
        innovation, log_ratio = _propose(users.innovation(user, slate, response), seed)
        next_user = users.update(user, slate, response, innovation)
        log_weights += log_ratio
        departure = users.departure(next_user)
        if isinstance(departure, tfd.Distribution):
            log_weights += log_prob_per_user("departure", departure, every_particle(transition.draws.departure))
        active = every_particle(transition.active)
        return mcmc.WeightedParticles(
            particles=tf.nest.map_structure(by_particle, nests.where(active, next_user, user)),
            log_weights=state.log_weights + by_particle(tf.where(active, log_weights, 0)),
        )

    return move


def _slate(simulator: Simulator, trajectory: Trajectory, step) -> Slate:
    """What users met at a step; candidates are the documents that were logged, and the corpus has no state."""
    later = nests.at_step(trajectory.transitions.draws.candidates, tf.maximum(step - 1, 0))
    candidates = tf.nest.map_structure(lambda first, after: tf.where(step == 0, first, after), trajectory.initial.candidates, later)
    transition = nests.at_step(trajectory.transitions, step)
    documents = simulator.documents.describe(nests.take(candidates, tf.maximum(transition.slate, 0)), ())
    return Slate(simulator.documents.show(documents, transition.draws.hidden), transition.slate >= 0)


def _propose(distribution: tfd.Distribution | None, seed) -> tuple[Nest, tf.Tensor | float]:
    """A draw of an innovation [B], and the log of its probability over that of its proposal, [B] or a number."""
    if distribution is None:
        return (), 0.0
    draw = random.sample(distribution, seed)
    if all(kind == tfd.FULLY_REPARAMETERIZED for kind in tf.nest.flatten(distribution.reparameterization_type)):
        return draw, 0.0
    draw = tf.nest.map_structure(tf.stop_gradient, draw)
    log_prob = log_prob_per_user("innovation", distribution, draw)
    return draw, log_prob - tf.stop_gradient(log_prob)
