"""Training of an agent: its parts, the learning loop, the replay, checkpoints and devices."""

import recsim_tf._tf_agents  # noqa: F401  # It imports TF-Agents.
