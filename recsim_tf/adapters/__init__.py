"""Adapters to other libraries: `tf_agents` needs TF-Agents, and `gymnasium` needs Gymnasium."""
