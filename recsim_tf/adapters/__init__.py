# SPDX-License-Identifier: Apache-2.0
"""Adapters to other libraries: `tf_agents` needs TF-Agents, and `gymnasium` needs Gymnasium."""
