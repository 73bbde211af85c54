# SPDX-License-Identifier: Apache-2.0
"""Agents of other libraries in training."""

from judging import cleanrl, stable_baselines3_agents, tf_agents
from judging.verdicts import together

train = together(stable_baselines3_agents.train, tf_agents.train, cleanrl.train)
