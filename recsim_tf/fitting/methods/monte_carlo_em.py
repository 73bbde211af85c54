# SPDX-License-Identifier: Apache-2.0
"""Monte Carlo expectation maximisation, the search of `Chains`."""

import dataclasses
from typing import Annotated, Any, ClassVar

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import (
    Count,
    Positive,
    WholeNumber,
    configurable,
    require,
)
from recsim_tf.core.base.ranges import Range
from recsim_tf.fitting.methods.annealing import inverse_temperature
from recsim_tf.fitting.parameters.unconstrained import flatten
from recsim_tf.fitting.searches.folder import SearchState
from recsim_tf.fitting.searches.search import Problem, Search
from recsim_tf.support.progress import progress_bar

# Iterations over which parameters and gradients are averaged.
_BLOCK = 50
# The largest distance of the parameters from the maximum, as a root mean square in standard
# errors.
_NEAR = 0.1
# Of the chains, for the information at the end of a block.
_SWEEPS, _MOVES = 10, 2


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class MonteCarloEM(Search):
    """Expectation maximisation with Markov chains of the draws that the log lacks: the users'
    initial draws, their innovations, or both.

    Each session has chains of its own, which go on from iteration to iteration (Wei and Tanner
    1990, "A Monte Carlo implementation of the EM algorithm"). In an iteration the chains move by
    Hamiltonian Monte Carlo, and the parameters by one step of Adam on the mean log-density of all
    draws. By Fisher's identity its gradient is that of the log-objective. At first the
    likelihood hardly counts: its inverse temperature rises to 1, from where the likelihoods of a
    session's chains differ by about one nat. At each rise the chains of a session are drawn anew in
    proportion to their weights (Ueda and Nakano 1998, "Deterministic annealing EM algorithm"; Del
    Moral et al. 2006, "Sequential Monte Carlo samplers"). So neither chains nor parameters stay
    where they began.

    The estimates are the means over 50 iterations. The search has converged, and ends, where the
    mean gradient g of these is so small that the maximum is near: g' I^-1 g is at most 0.01 a
    parameter, where I is the observed information. So the maximum is 0.1 standard errors away, as a
    root mean square. Where a model does not read a parameter as one value for each user, the
    information is not known, and the search does not converge.

    It is the search of `Chains`. A posterior of several modes has one estimate.

    Args:
      iterations: the largest number of iterations, more than `annealing`.
      num_moves: the moves of each chain in an iteration, of five leapfrog steps each; at least 1.
      annealing: the first iterations, in which the temperature falls; at least 0.
      learning_rate: the learning rate of Adam in the unconstrained parameters, positive.
      progress: see `Search`.
    """

    iterations: Count = 1000
    num_moves: Count = 10
    annealing: WholeNumber = 50
    learning_rate: Positive = 0.02

    step_name: ClassVar[str] = "iteration"

    def __post_init__(self):
        require("annealing", self.annealing, Annotated[int, Range(low=0, below=self.iterations)])

    def described(self) -> dict[str, Any]:
        names = ("iterations", "num_moves", "annealing", "learning_rate")
        return {**super().described(), **{name: getattr(self, name) for name in names}}

    def run(self, problem: Problem) -> SearchState:
        """See `Search.run`."""
        objective = problem.objective
        optimizer = tf.keras.optimizers.Adam(self.learning_rate)
        # So that a checkpoint holds its variables also where no step follows.
        optimizer.build(objective.variables)
        objective.begin()
        first_temperature = objective.first_inverse_temperature()
        block = _Block(len(objective.fitted.flat()))
        # With the best parameters go the chains that belong to them.
        searched = [*objective.variables, *objective.chains]
        state = SearchState(problem.checkpoints, searched, optimizer=optimizer, block=block)
        progress, history = state.progress, state.progress.history
        seeds = np.random.default_rng([problem.seed, 0]).integers(2**31, size=self.iterations)
        with progress_bar(
            show=self.progress, total=self.iterations, initial=len(history), desc="EM"
        ) as bar:
            while not progress.finished:
                number = len(history)
                beta = inverse_temperature(number, self.annealing, first_temperature)
                objective.move(beta, self.num_moves, int(seeds[number]))
                value, gradients = objective.total()
                _, prior_gradients = objective.fitted.log_prior_and_gradients()
                if not np.isfinite(value):
                    state.keep(progress.objective, number)
                    state.diverge("log-density")
                    break
                for index, gradient in enumerate(prior_gradients):
                    gradients[index] = gradients[index] + gradient
                acceptance = float(tf.reduce_mean(objective.chains.acceptance))
                mean = value / objective.num_steps
                state.add({"step": number, "log_likelihood": mean, "acceptance": acceptance})
                if number >= self.annealing:
                    block.add(objective.fitted.flat(), flatten(gradients))
                is_last = number + 1 == self.iterations
                if block.count == _BLOCK or is_last:
                    self._end_block(state, block, objective, is_last)
                if not progress.finished:
                    optimizer.apply_gradients(
                        zip([-each for each in gradients], objective.variables, strict=True)
                    )
                state.save(now=progress.finished)
                bar.set_postfix_str(f"log-density a step {mean:.5f}", refresh=False)
                bar.update()
        return state

    def _end_block(
        self, state: SearchState, block: "_Block", objective: Any, is_last: bool
    ) -> None:
        """Ends the search at the means over a block, if the maximum is near or if `is_last`."""
        fitted, history = objective.fitted, state.progress.history
        present, count = fitted.flat(), block.count
        means, gradient = block.take()
        fitted.assign_flat(means)
        is_near = not objective.scores_fault and (
            _distance(gradient, objective.information(_SWEEPS, _MOVES)) <= _NEAR
        )
        if is_near or is_last:
            last = [row["log_likelihood"] for row in history[-count:]]
            state.keep(float(np.mean(last)), len(history) - 1)
            state.progress.finish(converged=is_near)
        else:
            fitted.assign_flat(present)


class _Block(tf.Module):
    """The unconstrained parameters and the gradients of some iterations, for their means.

    Args:
      size: P, the number of parameters.
    """

    def __init__(self, size: int):
        super().__init__()
        self._sums = tf.Variable(np.zeros([2, size]))
        self._count = tf.Variable(0)

    @property
    def count(self) -> int:
        """Iterations that were added."""
        return int(self._count)

    def add(self, parameters: np.ndarray, gradient: np.ndarray) -> None:
        """Adds parameters and the gradient there, float64 [P] each."""
        self._sums.assign_add([parameters, gradient])
        self._count.assign_add(1)

    def take(self) -> np.ndarray:
        """The means of parameters and gradients, float64 [2, P], of a block that begins anew."""
        means = self._sums.numpy() / self.count
        for variable in (self._sums, self._count):
            variable.assign(tf.zeros_like(variable))
        return means


def _distance(gradient: np.ndarray, information: np.ndarray) -> float:
    """The distance of the maximum from the place of a gradient [P], as a root mean square in
    standard errors; infinite where the information [P, P] is that of no maximum.
    """
    try:
        root = np.linalg.cholesky(information)
    except np.linalg.LinAlgError:
        return np.inf
    return float(np.sqrt(np.mean(np.linalg.solve(root, gradient) ** 2)))
