"""Edges to other libraries, each imported on its own: `tf_agents` needs TF-Agents, `gymnasium`
needs Gymnasium.
"""
