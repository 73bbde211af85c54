# SPDX-License-Identifier: Apache-2.0
"""Environments for any number of users."""

import recsim_tf
from recsim_tf.core.simulator import Simulator


def one_world(simulator: Simulator) -> Simulator:
    """The simulator, in which all users are one world where they share a corpus."""
    return simulator.replaced(users_per_world=None) if simulator.documents.shared else simulator


def make(environment_id: str, **arguments) -> Simulator:
    """As `recsim_tf.make`, for any number of users."""
    return one_world(recsim_tf.make(environment_id, **arguments))
