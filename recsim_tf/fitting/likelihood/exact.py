"""The likelihood of all that users drew, and the base of likelihoods that sum initial draws out."""

import abc
import dataclasses
from typing import ClassVar

import gin
import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.likelihood.batches import Lacking, SessionLikelihood, SessionScore
from recsim_tf.fitting.likelihood.missing import Part
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.logs.trajectories import as_trajectory, scoring_simulator


def session_log_prob(simulator: Simulator, log: SessionLog) -> tf.Tensor:
    """[S]: the log-likelihood of each session, that is of the draws of its user. Documents and
    slates are given.

    Args:
      simulator: its models score the log, differentiably in their parameters.
      log: with everything that its user model draws.
    """
    scorer = scoring_simulator(simulator)
    return scorer.log_prob(as_trajectory(log, scorer, log.num_sessions)).user


EXACT = SessionScore(lambda simulator, sessions, rows, seeds: simulator.log_prob(sessions).user)


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Exact(SessionLikelihood):
    """The likelihood of all that users drew, for logs that lack nothing.

    Args:
      jit_compile: whether to compile with XLA.
    """

    has_scores: ClassVar[bool] = True

    def session_score(self, lacking: Lacking) -> SessionScore:
        del lacking
        return EXACT


@dataclasses.dataclass(frozen=True)
class InitialLikelihood(SessionLikelihood):
    """A likelihood of logs that lack initial draws of the users, all of them or one field."""

    def session_score(self, lacking: Lacking) -> SessionScore:
        return self.around(EXACT, lacking)

    def around(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """The score of sessions that lack a part, from the score of sessions that have it. Raises
        the error of `session_score`.
        """
        if lacking.part is None:
            raise ValueError(
                f"likelihood must not have {self} for a log that has the users' initial draws"
            )
        return self.without(lacking.part, inner, lacking)

    @abc.abstractmethod
    def without(self, part: Part, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """The score of `around`, for a part that is missing."""
