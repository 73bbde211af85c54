# SPDX-License-Identifier: Apache-2.0
"""The likelihood of all draws of users."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from recsim_tf.core.base.arguments import checked, configurable
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.methods.information import Curvature, Scores, ScoresOrCurvature, Uncertainty
from recsim_tf.fitting.methods.scores import EXACT, Lacking, SessionScore
from recsim_tf.fitting.methods.session_method import SessionMethod
from recsim_tf.logs.log import Log
from recsim_tf.logs.trajectories import as_trajectory, scoring_simulator


@checked
def session_log_prob(simulator: Simulator, log: Log) -> tf.Tensor:
    """Scores the draws of the users of a log. Documents and slates are given.

    Args:
      simulator: the simulator whose models score the log, differentiably in their parameters.
      log: a log with everything that the user model draws.

    Returns:
      The log-likelihood of each session, [S].

    Raises:
      ValueError: if `simulator` is not a Simulator, if the log lacks draws of the users, or if its
        slates or draws are not those of the models.
    """
    scorer = scoring_simulator(simulator)
    return scorer.log_prob(as_trajectory(log, scorer, log.num_sessions)).user


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Exact(SessionMethod):
    """The likelihood of all draws of users, for logs that lack nothing.

    Args:
      search: `LBFGS()` or `Minibatches()`; by default `LBFGS()`, and `Minibatches()` where
        parameters have posteriors.
      uncertainty: `Scores()`, `Curvature()` or None; by default scores where all parameters are
        scalars that may differ between users, else the curvature.
      jit_compile: whether to compile with XLA.
    """

    uncertainties: ClassVar[tuple[type[Uncertainty], ...]] = (Scores, Curvature, ScoresOrCurvature)

    def session_score(self, lacking: Lacking) -> SessionScore:
        """See `SessionMethod.session_score`."""
        if lacking.parts:
            raise ValueError(
                "method must be Classes(), MeanField(), Draws() or Chains() for a log that"
                " lacks initial draws, got Exact()"
            )
        return EXACT

    def known_score(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """See `SessionMethod.known_score`."""
        return inner
