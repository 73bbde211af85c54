"""What `fit` maximises: the log-likelihood of logged sessions, and how it is computed."""

import abc
import dataclasses
from typing import ClassVar

import numpy as np

from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.base.validation import check_at_least
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs.log import Sessions


@dataclasses.dataclass(frozen=True)
class Likelihood(abc.ABC):
    """How the likelihood of a log is computed. It depends on which draws the log lacks. Arguments
    out of range raise a ValueError.

    Args:
      jit_compile: whether to compile with XLA.
    """

    jit_compile: bool = dataclasses.field(default=False, kw_only=True)

    # Whether a parameter may have a value for each session of the log.
    by_session: ClassVar[bool] = False

    @property
    def of_others(self) -> "Likelihood":
        """That of sessions that are held out: posteriors of fitted sessions say nothing of them."""
        return self

    @abc.abstractmethod
    def of(
        self, fitted: FittedSimulator, log: Sessions, batch_size: int, seed: Seed = 0
    ) -> "LogLikelihood":
        """The log-likelihood of a log.

        Args:
          fitted: its models score the log.
          log: with all draws of its user model but those that this likelihood sums out.
          batch_size: sessions that are scored at once by each core.
          seed: of what is drawn, an integer or int32 [2], where a call is given no other one.

        Raises:
          ValueError: for an argument out of range, a log without sessions, or one that lacks other
            draws.
        """


class LogLikelihood(abc.ABC):
    """The log-likelihood of the sessions of a log, as a function of `variables`.

    Attributes:
      variables: those of `fitted`, and then those of posteriors of single sessions.
      dtype: of the variables.
      is_bound: whether posteriors are fitted, so that a lower bound is computed, from draws.
      has_scores: whether the gradients of single sessions are known exactly.
      is_estimate: whether the same draws sum something out in all calls without a seed, so that a
        search may climb their noise.
      chains: the variables of Markov chains of what the log lacks, or None.
      latents: a sentence that says what is done with each draw that the log lacks, or "".
    """

    has_scores: bool = False
    is_estimate: bool = False
    chains: Nest = None
    latents: str = ""

    def __init__(self, fitted: FittedSimulator, log: Sessions, batch_size: int):
        check_at_least(1, batch_size=batch_size)
        if not log.num_sessions:
            raise ValueError("the log must have at least one session, got none")
        self.fitted, self.log = fitted, log
        self.num_sessions, self.num_steps = log.num_sessions, log.num_steps
        self.batch_size = min(batch_size, log.num_sessions)
        self.variables = fitted.variables
        self.dtype = self.variables[0].dtype

    @property
    def is_bound(self) -> bool:
        return bool(self.fitted.posteriors) or len(self.variables) > len(self.fitted.variables)

    @abc.abstractmethod
    def total(self) -> tuple[float, list[np.ndarray]]:
        """The sum over all sessions, and its gradients in `variables`."""

    @abc.abstractmethod
    def value(self) -> float:
        """The log-likelihood of the log at the present variables."""

    def under_fresh_draws(self) -> tuple[float, float | None]:
        """The log-likelihood under draws that no search has had, and the effective number of draws
        of the median session, or None where no initial draws are summed out by importance sampling.
        """
        return self.value(), None

    @abc.abstractmethod
    def known_log_density(self) -> float:
        """The part of the log-likelihood that is the log-density of what the log has of its users
        before they respond: initial draws, and innovations, such as contexts. The rest is the
        conditional log-likelihood of responses and departures. What the log lacks is summed out of
        both, so this part is an estimate only where what the log has depends on that.
        """

    @abc.abstractmethod
    def initial_draws(self) -> Nest:
        """Nest of [S, ...]: the posterior locations of those initial draws of the users that the
        log lacks; () where it lacks none, or they are summed out.
        """
