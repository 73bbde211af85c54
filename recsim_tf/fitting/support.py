# SPDX-License-Identifier: Apache-2.0
"""The support of a policy: how far its slates are from those of a log."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Policy
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.log import Log
from recsim_tf.logs.trajectories import from_trajectory

# Of the documents shown, at their positions: less is told.
_ENOUGH = 0.9


class SlateSupport(NamedTuple):
    """The parts of a policy's slates that the log has shown too, each in [0, 1]."""

    slates: float  # whole slates, in their order
    positions: float  # documents at their positions
    documents: float  # documents at any position

    @property
    def sentence(self) -> str:
        """A sentence about the value that fitted models give the policy."""
        if self.positions >= _ENOUGH:
            return (
                f"The log has shown {self.positions:.0%} of what the policy shows, at the same"
                " positions."
            )
        return (
            f"The log has never shown {1 - self.positions:.0%} of what the policy shows at these"
            " positions: the value rests there on the form of the model alone."
        )


@checked
def slate_support(
    simulator: Simulator,
    policy: Policy,
    log: Log,
    num_users: Count = 1000,
    num_steps: Count = 20,
    seed: int = 0,
) -> SlateSupport:
    """Simulates a policy, and compares its slates with logged ones.

    Args:
      simulator: a fitted simulator whose documents are ids, int [B, K].
      policy: the policy, see `Simulator.rollout`.
      log: the sessions that the models were fitted to.
      num_users, num_steps: the users and steps of the simulation.
      seed: the seed of the simulation.

    Raises:
      ValueError: if `simulator` is not a Simulator, for a number below 1, or for documents that
        are no ids.
    """
    trajectory = simulator.rollout(policy, num_users, num_steps, seed)
    simulated = from_trajectory(trajectory, simulator if simulator.documents.shared else None)
    logged, wanted = _slates(log), _slates(simulated)
    width = max(logged.shape[1], wanted.shape[1])
    logged, wanted = (
        np.pad(slates, [(0, 0), (0, width - slates.shape[1])], constant_values=-1)
        for slates in (logged, wanted)
    )

    def placed(slates):
        """The positions and documents of all that was shown, [N, 2]."""
        _, position = np.nonzero(slates >= 0)
        return np.stack([position, slates[slates >= 0]], axis=1)

    return SlateSupport(
        slates=_share(wanted, logged),
        positions=_share(placed(wanted), placed(logged)),
        documents=_share(placed(wanted)[:, 1:], placed(logged)[:, 1:]),
    )


def _slates(log: Log) -> np.ndarray:
    """The documents of the slates of steps that count, int [N, K], -1 where a slate is short."""
    documents = log.documents
    if tf.nest.is_nested(documents) or documents.ndim != 3 or documents.dtype.kind not in "iu":
        raise ValueError(
            "the log's documents must be ids, int [S, T, K], to compare slates with it"
        )
    return np.where(log.shown, documents, -1)[log.active]


def _share(wanted: np.ndarray, logged: np.ndarray) -> float:
    """The part of rows [N, C] that occur among others [M, C]; 0 where there is none."""
    there = set(map(tuple, np.unique(logged, axis=0).tolist()))
    rows, counts = np.unique(wanted, axis=0, return_counts=True)
    occurs = [tuple(row) in there for row in rows.tolist()]
    return float(np.average(occurs, weights=counts)) if len(rows) else 0.0
