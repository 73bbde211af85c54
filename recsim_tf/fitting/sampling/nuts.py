"""Chains of the No-U-Turn Sampler, side by side in one compiled kernel."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core import random
from recsim_tf.core.base.arguments import AtLeast, Count, configurable
from recsim_tf.core.base.types import Seed
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.support.progress import progress_bar

# Of burn-in; the rest of it runs with the adapted step size.
_PART_THAT_ADAPTS = 0.8
_FIRST_STEP_SIZE = 0.5
# Standard units need far less than 255 steps, and all chains wait for the longest path.
_MAX_TREE_DEPTH = 8


class NutsDraws(NamedTuple):
    """N draws of C chains in D dimensions."""

    positions: np.ndarray  # [N, C, D]
    # [C], mean over the draws; the step size is adapted to make it 0.75
    acceptance_rate: np.ndarray
    step_size: np.ndarray  # [C]
    num_divergent: np.ndarray  # int [C], draws at which the energy was off by more than 1000


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class NUTS:
    """The No-U-Turn Sampler (Hoffman and Gelman 2014, JMLR 15), with a step size for each chain.

    Args:
      num_samples: draws of each chain, at least 4.
      num_burnin_steps: draws before them that adapt the step size, at least 1.
      jit_compile: whether to compile with XLA, which takes some seconds and makes draws several
        times faster.
      progress: whether to show a progress bar.
    """

    num_samples: Annotated[int, AtLeast(4)] = 500
    num_burnin_steps: Count = 300
    jit_compile: bool = True
    progress: bool = True

    def draws(
        self,
        log_density: Callable[[tf.Tensor], tf.Tensor],
        start: tf.Tensor,
        seed: Seed,
        step_size: float | tf.Tensor = _FIRST_STEP_SIZE,
    ) -> NutsDraws:
        """Draws from densities over the reals.

        Args:
          log_density: a function from positions [C, D] to log-densities [C], which may be different
            ones; -inf where there is none.
          start: the first positions, [C, D], best in units in which the densities have standard
            deviations of about 1.
          seed: an integer or int32 [2].
          step_size: the size of the first steps, of all chains or [C].

        Raises:
          ValueError: if a log-density is not finite at the start.
        """
        wrap = compiled(jit_compile=self.jit_compile)
        step_sizes = tf.broadcast_to(tf.cast(step_size, start.dtype), start.shape[:1])
        sampler = tfp.mcmc.NoUTurnSampler(
            log_density, step_sizes[:, tf.newaxis], max_tree_depth=_MAX_TREE_DEPTH
        )
        kernel = tfp.mcmc.DualAveragingStepSizeAdaptation(
            sampler, num_adaptation_steps=int(_PART_THAT_ADAPTS * self.num_burnin_steps)
        )

        def one_step(position, results, seed):
            seed, step_seed = random.split_seed(seed, 2)
            return *kernel.one_step(position, results, seed=step_seed), seed

        one_step = wrap(one_step)
        position, results, seed = (
            start,
            traced_call(wrap(kernel.bootstrap_results), start),
            random.as_seed(seed),
        )
        impossible = np.flatnonzero(~np.isfinite(results.inner_results.target_log_prob))
        if len(impossible):
            raise ValueError(
                f"the log-density is not finite at the start of chains {impossible.tolist()}"
            )
        positions, acceptance, divergent = [], [], []
        steps = range(self.num_burnin_steps + self.num_samples)
        for step in progress_bar(steps, show=self.progress, desc="NUTS", unit=" draws"):
            position, results, seed = traced_call(one_step, position, results, seed)
            if step >= self.num_burnin_steps:
                positions.append(position.numpy())
                acceptance.append(np.exp(results.inner_results.log_accept_ratio))
                divergent.append(results.inner_results.has_divergence.numpy())
        return NutsDraws(
            positions=np.stack(positions),
            acceptance_rate=np.mean(acceptance, axis=0),
            step_size=results.new_step_size.numpy()[:, 0],
            num_divergent=np.sum(divergent, axis=0),
        )


def potential_scale_reduction(samples: np.ndarray) -> np.ndarray:
    """The split R-hat, [...], of samples [N, C, ...] of C chains. It is 1 where they agree (Gelman
    et al. 2013, "Bayesian Data Analysis", third edition, section 11.4).
    """
    return tfp.mcmc.potential_scale_reduction(
        tf.constant(samples), independent_chain_ndims=1, split_chains=True
    ).numpy()


def effective_sample_size(samples: np.ndarray) -> np.ndarray:
    """The number of independent samples, [...], that samples [N, C, ...] of C chains are worth for
    their mean (Gelman et al. 2013, "Bayesian Data Analysis", third edition, section 11.5).
    """
    cross_chain_dims = 1 if samples.shape[1] > 1 else None
    sizes = tfp.mcmc.effective_sample_size(
        tf.constant(samples), filter_beyond_positive_pairs=True, cross_chain_dims=cross_chain_dims
    ).numpy()
    return sizes if cross_chain_dims else sizes[0]
