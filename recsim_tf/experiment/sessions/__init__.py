# SPDX-License-Identifier: Apache-2.0
"""Sessions of a run for people who read them, and as a table that a fit reads."""

from recsim_tf.experiment.sessions.table import ROLES, session_table

__all__ = ["ROLES", "session_table"]
