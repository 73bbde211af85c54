"""Adapters to other libraries, which are imported separately. `tf_agents` needs TF-Agents, and
`gymnasium` needs Gymnasium.
"""
