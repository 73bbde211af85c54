"""The likelihood of all that users drew."""

import dataclasses
from typing import ClassVar

import gin
import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.likelihood.batches import SessionLikelihood
from recsim_tf.fitting.likelihood.scores import EXACT, Lacking, SessionScore
from recsim_tf.logs.log import Log
from recsim_tf.logs.trajectories import as_trajectory, scoring_simulator


def session_log_prob(simulator: Simulator, log: Log) -> tf.Tensor:
    """[S]: the log-likelihood of each session, that is of the draws of its user. Documents and
    slates are given.

    Args:
      simulator: its models score the log, differentiably in their parameters.
      log: with everything that its user model draws.
    """
    scorer = scoring_simulator(simulator)
    return scorer.log_prob(as_trajectory(log, scorer, log.num_sessions)).user


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Exact(SessionLikelihood):
    """The likelihood of all that users drew, for logs that lack nothing."""

    has_scores: ClassVar[bool] = True

    def session_score(self, lacking: Lacking) -> SessionScore:
        if lacking.parts:
            raise ValueError(
                "likelihood must be Classes(), MeanField(), Draws() or Chains() for a log that"
                " lacks initial draws, got Exact()"
            )
        return EXACT

    def known_score(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        return inner
