"""The posterior distributions of what was not logged: the users' initial draws and innovations."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.methods import annealing
from recsim_tf.fitting.methods.latents import Latents
from recsim_tf.fitting.sampling import nuts
from recsim_tf.fitting.sampling.nuts import NUTS
from recsim_tf.logs.log import Log

# Of the annealing: rises of the inverse temperature, and moves of a chain at each.
_RISES, _MOVES = 60, 5
_SAMPLER = NUTS()


class SessionPosterior(NamedTuple):
    """N draws of the latents of S sessions, a chain for each, with diagnostics; () where logged."""

    initial: Nest  # nest of [N, S, ...]: the users' initial draws
    innovation: Nest  # nest of [N, S, T, ...]: the innovations, 0 after the end of a session
    # [S], of the first against the second half, for the worst latent; above about 1.05 the chain is
    # too short
    r_hat: np.ndarray
    effective_sample_size: np.ndarray  # [S], for the worst latent
    acceptance_rate: np.ndarray  # [S]
    num_divergent: np.ndarray  # int [S], divergent draws


@checked
def sample_sessions(
    simulator: Simulator, log: Log, sampler: NUTS = _SAMPLER, num_chains: Count = 20, seed: Seed = 0
) -> SessionPosterior:
    """Draws the latents of logged sessions from their posterior distributions by the No-U-Turn
    Sampler.

    The latents are the draws of the users that the log lacks: `log.initial`, `log.innovation` or
    both. Everything else is given, and so are the parameters, each for all sessions or with a value
    for each. If users leave by a rule, the log-likelihood does not depend on when they left.

    First some chains of each session are annealed: the inverse temperature of the likelihood rises
    from 1e-5 to 1, and at each rise the chains are drawn anew, the likelier ones more often (Del
    Moral et al. 2006, "Sequential Monte Carlo samplers"). NUTS goes on from one of them at random.
    From a draw of the prior it would strand where a narrow likelihood has modes that hardly count.
    A chain may still stay in one of several modes that count.

    All sessions run side by side, each with a chain and a step size of its own. A step takes as
    long as the longest of their paths, so long logs are sampled faster by parts, `log.take(rows)`.

    Args:
      simulator: the models, with their parameters. Latents must have a density: initial draws on
        any support that TFP has a bijector to, innovations on all of the reals, as `tfd.Normal`.
      log: the sessions; () as `initial`, as `innovation` or as both.
      sampler: `NUTS(...)`, with the number of draws of each session.
      num_chains: annealed chains of each session, at least 1. Memory grows with it.
      seed: an integer or int32 [2].

    Raises:
      ValueError: for an argument out of range, a log without sessions or latents, or latents of
        another kind.
    """
    if not log.num_sessions:
        raise ValueError("the log must have at least one session, got none")
    prior_seed, annealing_seed, chain_seed = random.split_seed(seed, 3)
    latents = Latents(simulator, log, prior_seed)
    start, step_sizes = _annealed(simulator, log, num_chains, sampler, annealing_seed)
    chains = sampler.draws(
        lambda positions: tf.add(*latents.log_parts(positions)),
        start / latents.scale,
        chain_seed,
        step_sizes,
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


def _annealed(
    simulator: Simulator, log: Log, num_chains: int, sampler: NUTS, seed: Seed
) -> tuple[tf.Tensor, tf.Tensor]:
    """Unconstrained latents [S, D] from about their posterior, and step sizes [S]."""
    prior_seed, chain_seed, choice_seed = random.split_seed(seed, 3)
    latents, chains = annealing.chains_of(simulator, log, num_chains, prior_seed)

    @compiled(jit_compile=sampler.jit_compile)
    def move(chains, beta, num_moves, seed):
        return annealing.move(latents.log_parts, chains, beta, num_moves, seed)

    chains, _ = annealing.anneal(move, chains, _RISES, _MOVES, chain_seed, sampler.progress)
    unconstrained = chains.positions * tf.reshape(latents.scale, chains.positions.shape)
    # Chains stand in the order of those that they descend from.
    number = random.uniform_integers([log.num_sessions], choice_seed, num_chains)
    start = tf.gather(tf.transpose(unconstrained, [1, 0, 2]), number, batch_dims=1)
    return start, chains.step_sizes
