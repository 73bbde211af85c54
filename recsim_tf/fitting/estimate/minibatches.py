"""Stochastic gradient ascent on minibatches of sessions."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import ClassVar

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.fitting.estimate.folder import SearchState
from recsim_tf.fitting.estimate.search import Problem, Search
from recsim_tf.fitting.progress import progress_bar
from recsim_tf.fitting.validation import check_at_least


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Minibatches(Search):
    """A Keras optimizer on minibatches of sessions; a search that was stopped goes on as if it had
    not been.

    Args:
      optimizer: builds the optimizer, any of Keras.
      passes: passes through the log at the most, at least 1.
      patience: the search ends, and has converged, when the likelihood of the held-out sessions has
        not risen for so many passes; the parameters of the best pass count. Without held-out
        sessions the last pass counts.
      batch_size: sessions of a minibatch.

    Raises:
      ValueError: for an argument out of range.
    """

    optimizer: Callable[[], tf.keras.optimizers.Optimizer] = tf.keras.optimizers.Adam
    passes: int = 200
    patience: int = 10
    batch_size: int = 1000

    step_name: ClassVar[str] = "pass through the sessions"

    def __post_init__(self):
        check_at_least(1, passes=self.passes, patience=self.patience, batch_size=self.batch_size)

    def run(self, problem: Problem, start: int) -> SearchState:
        optimizer = self.optimizer()
        state = SearchState(problem.folder, start, problem.likelihood.variables, optimizer)
        progress, history = state.progress, state.progress.history
        with progress_bar(
            show=problem.show_progress, total=self.passes, initial=len(history), desc="Passes"
        ) as bar:
            while len(history) < self.passes and not progress.finished:
                number = len(history)
                mean = _one_pass(problem, optimizer, [problem.seed, start, number])
                if mean is None:
                    warnings.warn(
                        "the fit diverged: the log-likelihood is not finite; these are the last"
                        " finite parameters",
                        stacklevel=4,
                    )
                    progress.finish(converged=False, diverged=True)
                    break
                row = {"step": number, "log_likelihood": mean}
                objective = mean
                if problem.held_out is not None:
                    objective = row["held_out"] = (
                        problem.held_out.total()[0] / problem.held_out.num_steps
                    )
                state.add(row)
                if np.isfinite(objective) and objective > progress.objective:
                    state.keep(objective, number)
                if problem.held_out is None:
                    # Passes are too noisy to compare, and the last one has learned most.
                    state.keep(progress.objective, progress.best_step)
                if number - progress.best_step >= self.patience:
                    progress.finish(converged=True)
                state.save(now=progress.finished or len(history) == self.passes)
                bar.update()
                bar.set_postfix_str(
                    f"{'held-out ' if problem.held_out else ''}log-likelihood a step"
                    f" {objective:.5f}"
                )
        return state


def _one_pass(
    problem: Problem, optimizer: tf.keras.optimizers.Optimizer, seed: list[int]
) -> float | None:
    """A pass through the log.

    Returns:
      The mean log-likelihood of a step, each at the parameters of its time; None where a minibatch
      has none that is finite.
    """
    likelihood, generator = problem.likelihood, np.random.default_rng(seed)
    total = 0.0
    for batch in likelihood.batches(generator):
        draw_seed = int(generator.integers(2**31))
        value, gradients = likelihood.value_and_gradients(batch, draw_seed)
        _, prior_gradients = likelihood.fitted.log_prior_and_gradients(draw_seed)
        if not np.isfinite(value):
            return None
        total += float(value)
        # The prior's part of a batch is that of its sessions.
        count = float(tf.reduce_sum(batch.weights))
        scaled = [-gradient / count for gradient in gradients]
        for index, gradient in enumerate(prior_gradients):
            scaled[index] -= gradient / likelihood.num_sessions
        optimizer.apply_gradients(zip(scaled, likelihood.variables, strict=True))
    return total / likelihood.num_steps
