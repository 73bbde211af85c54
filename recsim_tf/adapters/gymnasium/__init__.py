# SPDX-License-Identifier: Apache-2.0
"""The simulator as a Gymnasium environment of one user, and as a vector environment of many users.

An import of this package makes every registered environment known to Gymnasium:

    import gymnasium
    import recsim_tf.adapters.gymnasium

    environment = gymnasium.make("recsim_tf/InterestEvolution-v1", slate_size=3)
    environments = gymnasium.make_vec("recsim_tf/InterestEvolution-v1", num_envs=100)

Observations are dicts with RecSim's keys `user`, `doc` and `response`. Documents have no names. The
first axis of everything in `doc` is their position among the candidates, so that the spaces do not
change between steps. Fields of a NamedTuple are entries of a dict. Before the first slate of a
session the response is zeros, where RecSim has None. `flatten=True` makes observations vectors, and
`flatten="dict"` dicts of vectors, for learners to whom nested observation spaces are not
supported, as those of Stable-Baselines3.

An action is a slate of candidate positions, an integer array [K], or one position where the slate
has one document. It may be shorter, or hold -1 where a position is empty. As in RecSim a document
may be shown twice, unless the simulator has `validate=True` and `allow_duplicates=False`. A bad
slate is a `ValueError`. Where the simulator has a `query_spec` an action is a dict of `slate` and
`query`. A query has the form of an observation.

`info["response"]` is the whole response to the last slate, as arrays [K, ...], including the parts
that agents do not see. It is zeros after a reset. RecSim's metrics of a session follow from it and
the reward.

Environments can be pickled and copied at any time. The copy continues with the same steps.
"""

try:
    # Gymnasium 1.0 has no such class.
    from gymnasium.vector import AutoresetMode  # noqa: F401
except ImportError as missing:
    raise ImportError(
        "recsim_tf.adapters.gymnasium needs Gymnasium 1.1 or newer: install recsim-tf[gymnasium]"
    ) from missing

from recsim_tf.adapters.gymnasium.environments import (
    GymnasiumEnvironment,
    GymnasiumVectorEnvironment,
    make_environment,
    make_vector_environment,
    register_environments,
)

__all__ = [
    "GymnasiumEnvironment",
    "GymnasiumVectorEnvironment",
    "make_environment",
    "make_vector_environment",
    "register_environments",
]

register_environments()
