"""Searches for the maximum of a log-likelihood and log-prior, by L-BFGS on all sessions or by a
Keras optimizer on minibatches.
"""

import warnings
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.fitting.estimate.folder import Journal, SearchState
from recsim_tf.fitting.likelihood.likelihood import LogLikelihood
from recsim_tf.fitting.parameters.parameter import FittedSimulator, flatten

# The part of the first gradient that is left where a search has ended well.
_FLAT = 1e-3
_DIVERGED = (
    "the fit diverged: the log-likelihood is not finite; these are the last finite parameters"
)


class Found(NamedTuple):
    """Where a search ended."""

    values: list[np.ndarray]  # of the likelihood's variables
    objective: float  # log-likelihood and log-prior; the held-out log-likelihood where there is one
    history: list[dict[str, float]]
    converged: bool
    diverged: bool


class Search:
    """Searches from the present values of the variables.

    Args:
      fitted: the parameters.
      likelihood: of the sessions that are fitted.
      validation: of held-out sessions, or None.
      max_steps: iterations of L-BFGS, or passes through the log.
      journal: what the search writes down, and goes on from.
      progress: whether to show a progress bar.
    """

    def __init__(
        self,
        fitted: FittedSimulator,
        likelihood: LogLikelihood,
        validation: LogLikelihood | None,
        max_steps: int,
        journal: Journal,
        progress: bool,
    ):
        self._fitted = fitted
        self._likelihood = likelihood
        self._validation = validation
        self._max_steps = max_steps
        self._journal = journal
        self._progress = progress

    def lbfgs(self, start: int, tolerance: float) -> Found:
        """L-BFGS in scaled units; one that was stopped goes on from its best point.

        Args:
          start: number of the search.
          tolerance: see `fit`.
        """
        fitted, likelihood = self._fitted, self._likelihood
        state = SearchState(likelihood.variables)
        self._journal.restore(start, state)
        history = state.history
        if state.finished:
            return self._found(state)
        fitted.assign(state.best_values()[: len(fitted.variables)])
        begin = fitted.flat()
        bar = progress_bar(
            desc="L-BFGS", unit=" evaluations", disable=not self._progress, initial=len(history)
        )

        def objective(flat):
            fitted.assign_flat(flat)
            total, gradients = likelihood.total()
            prior, prior_gradients = fitted.log_prior_and_gradients()
            history.append({"step": len(history), "log_likelihood": total / likelihood.num_steps})
            self._journal.scalars(start, history[-1])
            bar.update()
            bar.set_postfix_str(f"log-likelihood a step {total / likelihood.num_steps:.5f}")
            value = (total + prior) / likelihood.num_sessions
            if np.isfinite(value) and value > state.objective:
                state.keep(value, len(history))
            self._journal.save(start, state, history)
            return value, (flatten(gradients) + flatten(prior_gradients)) / likelihood.num_sessions

        state.objective = -np.inf
        first_value, first_gradient = objective(begin)
        if not (np.isfinite(first_value) and np.isfinite(first_gradient).all()):
            raise ValueError(
                f"the log-likelihood is not finite at the start, {fitted.values()}: start elsewhere"
            )
        # The first step is along the gradient: in these units it is a small one in every parameter.
        scale = 1 / np.maximum(np.abs(first_gradient), 1)
        worst, last_finite = 0.0, np.zeros_like(begin)

        def negative(scaled):
            nonlocal worst, last_finite
            scaled = scaled.numpy()
            value, gradient = objective(begin + scale * scaled)
            loss, gradient = first_value - value, -gradient * scale
            if np.isfinite(loss) and np.isfinite(gradient).all():
                worst, last_finite = max(worst, loss), scaled
            else:
                # Where the models are impossible the line search meets a wall, and turns back.
                loss, gradient = (
                    2 * worst + 1,
                    (scaled - last_finite) / np.linalg.norm(scaled - last_finite),
                )
            return tf.constant(loss, tf.float64), tf.constant(gradient, tf.float64)

        found = tfp.optimizer.lbfgs_minimize(
            negative,
            tf.zeros(begin.shape, tf.float64),
            tolerance=tolerance,
            max_iterations=self._max_steps,
            f_relative_tolerance=1e-10,
        )
        bar.close()
        fitted.assign_flat(begin + scale * found.position.numpy())
        state.keep(first_value - float(found.objective_value), len(history))
        # Where float32 tells no better from worse, the line search gives up.
        flattened = np.max(np.abs(found.objective_gradient)) < _FLAT * np.max(
            np.abs(first_gradient * scale)
        )
        state.finish(
            converged=bool(found.converged or (found.failed and flattened)), diverged=False
        )
        self._journal.save(start, state, history, now=True)
        return self._found(state)

    def minibatches(
        self, start: int, optimizer: tf.keras.optimizers.Optimizer, patience: int, seed: int
    ) -> Found:
        """Passes through the log by minibatches; a search that was stopped goes on as if it had not
        been.

        Args:
          start: number of the search.
          optimizer: of Keras.
          patience: see `fit`.
          seed: of minibatches and draws.
        """
        likelihood, variables = self._likelihood, self._likelihood.variables
        state = SearchState(variables, optimizer)
        self._journal.restore(start, state)
        history = state.history
        passes = progress_bar(
            total=self._max_steps, initial=state.number, desc="Passes", disable=not self._progress
        )
        while state.number < self._max_steps and not state.finished:
            generator = np.random.default_rng([seed, start, state.number])
            total = 0.0
            for batch in likelihood.batches(generator):
                draw_seed = int(generator.integers(2**31))
                value, gradients = likelihood.value_and_gradients(batch, draw_seed)
                _, prior_gradients = self._fitted.log_prior_and_gradients(draw_seed)
                if not np.isfinite(value):
                    warnings.warn(_DIVERGED, stacklevel=4)
                    state.finish(converged=False, diverged=True)
                    break
                total += float(value)
                # The prior's part of a batch is that of its sessions.
                count = float(tf.reduce_sum(batch.weights))
                scaled = [-gradient / count for gradient in gradients]
                for index, gradient in enumerate(prior_gradients):
                    scaled[index] -= gradient / likelihood.num_sessions
                optimizer.apply_gradients(zip(scaled, variables, strict=True))
            if state.finished:
                break
            row = {"step": state.number, "log_likelihood": total / likelihood.num_steps}
            objective = row["log_likelihood"]
            if self._validation is not None:
                objective = row["held_out"] = (
                    self._validation.total()[0] / self._validation.num_steps
                )
            history.append(row)
            self._journal.scalars(start, row)
            if np.isfinite(objective) and objective > state.objective:
                state.keep(objective, state.number)
            if self._validation is None:
                # Noise tells passes apart here, and the last one has been learned from longest.
                state.keep(state.objective, state.best_step)
            if state.number - state.best_step >= patience:
                state.finish(converged=True, diverged=False)
            state.number += 1
            self._journal.save(
                start, state, history, now=state.finished or state.number == self._max_steps
            )
            passes.update()
            passes.set_postfix_str(
                f"{'held-out ' if self._validation else ''}log-likelihood a step {objective:.5f}"
            )
        passes.close()
        return self._found(state)

    def _found(self, state: SearchState) -> Found:
        return Found(
            state.best_values(), state.objective, state.history, state.converged, state.diverged
        )


def progress_bar(*args, **kwargs):
    """A bar of tqdm."""
    try:
        from tqdm import tqdm
    except ImportError as missing:
        raise ImportError(
            "recsim_tf.fitting.estimate.fit needs tqdm: install recsim-tf[fitting]"
        ) from missing
    return tqdm(*args, **kwargs)
