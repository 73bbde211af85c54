# SPDX-License-Identifier: Apache-2.0
"""TF-Agents agents for slates, installed as `recsim_tf.agents`."""

from recsim_tf import _tf_agents

del _tf_agents
