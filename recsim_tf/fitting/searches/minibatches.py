# SPDX-License-Identifier: Apache-2.0
"""Stochastic gradient ascent on minibatches of sessions."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import Count, Positive, configurable
from recsim_tf.fitting.searches.folder import SearchState
from recsim_tf.fitting.searches.search import Problem, Search
from recsim_tf.support.progress import progress_bar

# The passes whose gradients count: the last ones, and no more than this part of all.
_LAST_PASSES, _PART_OF_PASSES = 20, 0.25
_FEWEST_BATCHES = 4
_STANDARD_ERRORS = 3.0
# Where there is no noise, the search is at rest if no more than this part of the first gradient is
# left.
_FLAT = 1e-3


class Rest(tf.Module):
    """Tells whether the gradient has become zero, but for noise.

    The likelihood itself does not tell. Its noise hides how it rises, and where the learning rate
    decays it rises no more wherever the search is. A search that ends away from the maximum has a
    gradient whose mean over the last passes is not zero.

    Args:
      variables: the variables that are searched over.
      passes: the passes of the whole search.
      num_batches: minibatches of a pass.
    """

    def __init__(self, variables: Sequence[tf.Variable], passes: int, num_batches: int):
        super().__init__()
        last_passes = min(_LAST_PASSES, int(_PART_OF_PASSES * passes))
        self._start, self._num_batches = passes - last_passes, num_batches
        self._count = last_passes * num_batches
        self._first, self._sum, self._squares = (
            [tf.Variable(np.zeros(variable.shape)) for variable in variables] for _ in range(3)
        )

    def add(self, number: int, gradients: Sequence[tf.Tensor]) -> None:
        """Takes the gradient of a minibatch, the sum over its sessions, for each variable; its pass
        is the given one, from 0.
        """
        if 0 < number < self._start:
            return
        columns = zip(gradients, self._first, self._sum, self._squares, strict=True)
        for part, first, total, squares in columns:
            gradient = tf.cast(part, tf.float64)
            if number == 0:
                first.assign_add(gradient / self._num_batches)
            if number >= self._start:
                total.assign_add(gradient)
                squares.assign_add(gradient**2)

    def is_reached(self) -> bool:
        """Tells whether the mean of the last gradients is zero within three of its standard errors,
        or has almost vanished, for each variable; a table counts by its root mean square.
        """
        if self._count < _FEWEST_BATCHES:
            return False
        return all(map(self._is_zero, self._first, self._sum, self._squares))

    def _is_zero(self, first: tf.Variable, total: tf.Variable, squares: tf.Variable) -> bool:
        mean = total.numpy() / self._count
        variance = (squares.numpy() / self._count - mean**2) / (self._count - 1)
        noise = _STANDARD_ERRORS**2 * np.mean(np.maximum(variance, 0))
        return bool(np.mean(mean**2) <= max(noise, _FLAT**2 * np.mean(first.numpy() ** 2)))


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Minibatches(Search):
    """A Keras optimizer on minibatches of sessions; a search that was stopped goes on as if it had
    not been.

    The search ends after its passes. It has converged if the gradient of the parameters was zero
    over the last passes, within three standard errors. With held-out sessions it stops early, when
    their likelihood has not risen for `patience` passes; the parameters of the best pass count
    then. Without them it does not stop early, and the last pass counts.

    Args:
      optimizer: builds the optimizer, any of Keras; None for Adam at a rate that decays to zero
        over all passes, by half a cosine.
      passes: passes through the log at the most, at least 1.
      patience: passes, at least 1.
      batch_size: sessions of a minibatch.
      learning_rate: the learning rate with which the default optimizer begins, positive, in units
        of the unconstrained parameters.
      progress: see `Search`.
    """

    optimizer: Callable[[], tf.keras.optimizers.Optimizer] | None = None
    passes: Count = 200
    patience: Count = 10
    batch_size: Count = 1000
    learning_rate: Positive = 0.1

    step_name: ClassVar[str] = "pass through the sessions"

    def described(self) -> dict[str, Any]:
        """See `Search.described`."""
        # The rate depends on how many passes are planned, and so does the word at the end.
        return {**super().described(), "passes": self.passes}

    def run(self, problem: Problem) -> SearchState:
        """See `Search.run`."""
        objective = problem.objective
        if self.optimizer is None:
            steps = self.passes * objective.num_batches
            rate = tf.keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
            optimizer = tf.keras.optimizers.Adam(rate)
        else:
            optimizer = self.optimizer()
        climb = _climb(problem, optimizer)
        rest = Rest(objective.fitted.variables, self.passes, objective.num_batches)
        state = SearchState(
            problem.checkpoints, objective.variables, optimizer=optimizer, rest=rest
        )
        progress, history = state.progress, state.progress.history
        with progress_bar(
            show=self.progress, total=self.passes, initial=len(history), desc="Passes"
        ) as bar:
            while not progress.finished:
                number = len(history)
                mean = _one_pass(problem, climb, [problem.seed, 0, number], rest)
                if mean is None:
                    state.diverge("log-likelihood")
                    break
                row = {"step": number, "log_likelihood": mean}
                measure = mean
                if problem.held_out is not None:
                    measure = row["held_out"] = (
                        problem.held_out.total()[0] / problem.held_out.num_steps
                    )
                state.add(row)
                # Without held-out sessions passes are too noisy to compare, and the last one has
                # learned most.
                is_better = np.isfinite(measure) and measure > progress.objective
                if problem.held_out is None or is_better:
                    state.keep(measure, number)
                if number - progress.best_step >= self.patience:
                    progress.finish(stopped_early=True)
                elif len(history) == self.passes:
                    progress.finish(converged=rest.is_reached())
                state.save(now=progress.finished)
                bar.set_postfix_str(
                    f"{'held-out ' if problem.held_out else ''}log-likelihood a step {measure:.5f}",
                    refresh=False,
                )
                bar.update()
        return state


def _climb(
    problem: Problem, optimizer: tf.keras.optimizers.Optimizer
) -> Callable[..., list[tf.Tensor]]:
    """A traced step of the optimizer, from the gradients of a minibatch, those of the prior and the
    number of sessions. It returns the gradient that the optimizer descends, for each variable.
    """
    objective = problem.objective
    variables = objective.variables
    optimizer.build(variables)

    @tf.function(autograph=False)
    def climb(
        gradients: Sequence[tf.Tensor], prior_gradients: Sequence[tf.Tensor], count: tf.Tensor
    ) -> list[tf.Tensor]:
        scaled = [-gradient / tf.cast(count, gradient.dtype) for gradient in gradients]
        # The prior's part of a batch is that of its sessions.
        for index, gradient in enumerate(prior_gradients):
            scaled[index] -= gradient / objective.num_sessions
        optimizer.apply_gradients(zip(scaled, variables, strict=True))
        return scaled

    return climb


def _one_pass(
    problem: Problem, climb: Callable[..., list[tf.Tensor]], seed: list[int], rest: Rest
) -> float | None:
    """The mean log-likelihood of a step over a pass through the log, each at the parameters of its
    time; None where a minibatch has none that is finite. The seed ends with the number of the pass.
    """
    objective, generator = problem.objective, np.random.default_rng(seed)
    total, num_watched = 0.0, len(objective.fitted.variables)
    for batch in objective.batches(generator):
        draw_seed = int(generator.integers(2**31))
        value, gradients = objective.value_and_gradients(batch, draw_seed)
        _, prior_gradients = objective.fitted.log_prior_and_gradients(draw_seed)
        if not np.isfinite(value):
            return None
        total += float(value)
        count = tf.reduce_sum(batch.weights)
        scaled = climb(list(gradients), list(prior_gradients), count)
        rest.add(seed[-1], [float(count) * gradient for gradient in scaled[:num_watched]])
    return total / objective.num_steps
