"""The likelihood of all that users drew, and the base of likelihoods that sum initial draws out."""

import abc
import dataclasses
from typing import ClassVar

import gin
import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.likelihood.batches import SessionLikelihood, SessionScore
from recsim_tf.fitting.likelihood.missing import Part
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.logs.trajectories import as_trajectory, scoring_simulator
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator


def session_log_prob(simulator: Simulator, log: SessionLog) -> tf.Tensor:
    """[S]: the log-likelihood of each session, that is of the draws of its user. Documents and
    slates are given.

    Args:
      simulator: its models score the log, differentiably in their parameters.
      log: with everything that its user model draws.
    """
    scorer = scoring_simulator(simulator)
    return scorer.log_prob(as_trajectory(log, scorer, log.num_sessions)).user


class ExactScore(SessionScore):
    """The log-probability of all that the users of sessions drew."""

    def __call__(self, simulator, sessions, rows, seeds):
        del rows, seeds
        return simulator.log_prob(sessions).user


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Exact(SessionLikelihood):
    """The likelihood of all that users drew, for logs that lack nothing.

    Args:
      jit_compile: whether to compile with XLA.
    """

    has_scores: ClassVar[bool] = True

    def score(self, part, fitted, num_users, num_sessions):
        del part, fitted, num_users, num_sessions
        return ExactScore()


@dataclasses.dataclass(frozen=True)
class InitialLikelihood(SessionLikelihood):
    """A likelihood of logs that lack initial draws of the users, all of them or one field."""

    def score(self, part, fitted, num_users, num_sessions):
        return self.around(ExactScore(), part, fitted, num_users, num_sessions)

    @abc.abstractmethod
    def around(
        self,
        inner: SessionScore,
        part: Part | None,
        fitted: FittedSimulator,
        num_users: int,
        num_sessions: int,
    ) -> SessionScore:
        """The score of sessions that lack a part, from the score of sessions that have it. The
        other arguments are those of `score`.

        Raises:
          ValueError: if nothing is missing, or a part that this likelihood does not sum out.
        """

    def required(self, part: Part | None) -> Part:
        """The part, or an error if the log lacks none."""
        if part is None:
            raise ValueError(
                f"likelihood must not have {self} for a log that has the users' initial draws"
            )
        return part
