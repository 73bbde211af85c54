# SPDX-License-Identifier: Apache-2.0
"""The function that a search maximises."""

import abc
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs.log import Sessions


class Fresh(NamedTuple):
    """The log-likelihood of a log under draws that no search has had."""

    log_likelihood: float
    # of the median session; None where no initial draws are summed out by importance sampling
    effective_draws: float | None = None


class Objective(abc.ABC):
    """The log-likelihood of the sessions of a log, as a function of `variables`.

    Attributes:
      fitted: the simulator whose models score the log.
      log: the sessions.
      num_sessions, num_steps: their number, and the number of all their steps.
      batch_size: sessions that are scored at once.
      variables: those of `fitted`, and then those of posteriors of single sessions.
      dtype: the dtype of the variables.
      latents: a sentence about the treatment of each draw that the log lacks, or "".
    """

    latents: str = ""

    @checked
    def __init__(self, fitted: FittedSimulator, log: Sessions, batch_size: Count):
        if not log.num_sessions:
            raise ValueError("the log must have at least one session, got none")
        self.fitted, self.log = fitted, log
        self.num_sessions, self.num_steps = log.num_sessions, log.num_steps
        self.batch_size = min(batch_size, log.num_sessions)
        self.variables = fitted.variables
        self.dtype = self.variables[0].dtype

    @abc.abstractmethod
    def total(self) -> tuple[float, list[np.ndarray]]:
        """The sum over all sessions, and its gradients in `variables`."""

    @abc.abstractmethod
    def value(self) -> float:
        """The log-likelihood of the log at the present variables."""

    def adapt(self) -> bool:
        """Adapts the proposals of draws to the present variables, and tells whether there are
        any. The likelihood is estimated by other draws then.
        """
        return False

    def under_fresh_draws(self) -> Fresh:
        """The log-likelihood under draws that no search has had."""
        return Fresh(self.value())

    def climbed(self) -> float | None:
        """The log-likelihood under the draws that all steps of the search had; None where they had
        none in common.
        """
        return None

    @abc.abstractmethod
    def squared_scores(self) -> np.ndarray:
        """An estimate of the sum over sessions of the squared gradients of each session in the
        unconstrained parameters, float64 [P]. It is about the observed information of each, and
        gives the units of a search and the steps of differences.
        """

    @abc.abstractmethod
    def known_log_density(self) -> float:
        """The part of the log-likelihood that is the log-density of the draws that the log has of
        its users before they respond: initial draws, and innovations, such as contexts. The rest is
        the conditional log-likelihood of responses and departures. The draws that the log lacks are
        summed out of both. So this part is an estimate only where the draws that the log has depend
        on them.
        """

    @abc.abstractmethod
    def initial_draws(self) -> Nest:
        """Nest of [S, ...]: the posterior locations of those initial draws of the users that the
        log lacks; () where it lacks none, or they are summed out.
        """


class BatchObjective(Objective):
    """An objective that is also known by minibatches of sessions."""

    @property
    @abc.abstractmethod
    def num_batches(self) -> int:
        """Batches of one pass through the log at random."""

    @abc.abstractmethod
    def batches(self, generator: np.random.Generator | None = None) -> Iterator[Any]:
        """Batches that go once through the log, by a generator at random. Each has the `weights`
        [B] of its sessions.
        """

    @abc.abstractmethod
    def value_and_gradients(
        self, batch: Any, seed: Seed | None = None
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The sum over the sessions of a batch, and its gradients in `variables`."""
