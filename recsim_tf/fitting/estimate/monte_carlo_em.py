"""Monte Carlo expectation maximisation, for logs that lack draws of users."""

import dataclasses
from typing import Any, ClassVar

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.ranges import Range
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.estimate.folder import SearchState
from recsim_tf.fitting.estimate.search import Problem, Search
from recsim_tf.fitting.likelihood.likelihood import LogLikelihood
from recsim_tf.fitting.logs.session_log import Sessions
from recsim_tf.fitting.progress import progress_bar
from recsim_tf.fitting.sampling.annealing import inverse_temperature
from recsim_tf.fitting.sampling.chains import ChainLikelihood, Chains

# The last part of the iterations, over which the parameters are averaged.
_AVERAGED = 0.2


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class MonteCarloEM(Search):
    """Expectation maximisation with Markov chains of what the log lacks: the users' initial draws,
    their innovations, or both.

    Each session has chains of its own, which go on from iteration to iteration (Wei and Tanner
    1990, "A Monte Carlo implementation of the EM algorithm"). In an iteration the chains move by
    Hamiltonian Monte Carlo, and the parameters by one step of Adam on the mean log-density of all
    that was drawn. By Fisher's identity its gradient is that of the log-likelihood. At first the
    likelihood hardly counts: its inverse temperature rises from 1e-5 to 1, and at each rise the
    chains of a session are drawn anew in proportion to their weights (Ueda and Nakano 1998,
    "Deterministic annealing EM algorithm"; Del Moral et al. 2006, "Sequential Monte Carlo
    samplers"). So neither chains nor parameters stay where they began. The estimates are the means
    over the last fifth of the iterations.

    The likelihood is `Chains`. With it a parameter that is declared as one number may have a start
    for each session of the log. Standard errors are by Louis' identity, see `LouisInformation`. A
    posterior of several modes has one estimate.

    Args:
      iterations: of the search, at least 1.
      num_moves: of each chain in an iteration, of five leapfrog steps each.
      annealing: the part of the iterations in which the temperature falls, in [0, 1).
      learning_rate: of Adam, positive, in the unconstrained parameters.
      progress: as of `Search`.
    """

    iterations: int = 200
    num_moves: int = 10
    annealing: float = 0.8
    learning_rate: float = 0.02

    step_name: ClassVar[str] = "iteration"

    def __post_init__(self):
        check_at_least(1, iterations=self.iterations, num_moves=self.num_moves)
        Range(low=0, below=1).check_number("annealing", self.annealing)
        Range(above=0).check_number("learning_rate", self.learning_rate)

    def default_likelihood(self, simulator: Simulator, log: Sessions) -> Chains:
        del simulator, log
        return Chains()

    def check(self, likelihood: LogLikelihood) -> None:
        if likelihood.chains is None:
            raise ValueError("likelihood must be Chains() with MonteCarloEM")

    def described(self) -> dict[str, Any]:
        names = ("iterations", "num_moves", "annealing", "learning_rate")
        return {**super().described(), **{name: getattr(self, name) for name in names}}

    def run(self, problem: Problem) -> SearchState:
        likelihood: ChainLikelihood = problem.likelihood
        optimizer = tf.keras.optimizers.Adam(self.learning_rate)
        first_averaged = self.iterations - max(int(_AVERAGED * self.iterations), 1)
        means = [tf.Variable(tf.zeros_like(variable)) for variable in likelihood.variables]
        # With the best parameters go the chains that belong to them.
        searched = [*likelihood.variables, *likelihood.chains]
        state = SearchState(problem.checkpoints, searched, optimizer=optimizer, means=means)
        progress, history = state.progress, state.progress.history
        seeds = np.random.default_rng([problem.seed, 0]).integers(2**31, size=self.iterations)
        with progress_bar(
            show=self.progress, total=self.iterations, initial=len(history), desc="EM"
        ) as bar:
            while not progress.finished:
                number = len(history)
                value, gradients = likelihood.move(
                    inverse_temperature(number, int(self.annealing * self.iterations)),
                    self.num_moves,
                    random.as_seed(int(seeds[number])),
                )
                _, prior_gradients = likelihood.fitted.log_prior_and_gradients()
                if not np.isfinite(value):
                    state.keep(progress.objective, number)
                    state.diverge("log-density")
                    break
                for index, gradient in enumerate(prior_gradients):
                    gradients[index] = gradients[index] + gradient
                optimizer.apply_gradients(
                    zip([-gradient for gradient in gradients], likelihood.variables, strict=True)
                )
                acceptance = float(tf.reduce_mean(likelihood.chains.acceptance))
                mean = value / likelihood.num_steps
                state.add({"step": number, "log_likelihood": mean, "acceptance": acceptance})
                if number >= first_averaged:
                    for average, variable in zip(means, likelihood.variables, strict=True):
                        average.assign_add(variable / (self.iterations - first_averaged))
                if len(history) == self.iterations:
                    for average, variable in zip(means, likelihood.variables, strict=True):
                        variable.assign(average)
                    last = [row["log_likelihood"] for row in history[first_averaged:]]
                    state.keep(float(np.mean(last)), number)
                    progress.finish(converged=True)
                state.save(now=progress.finished)
                bar.update()
                bar.set_postfix_str(f"log-density a step {mean:.5f}")
        return state
