"""Whether two simulators are the same."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.errors import one_line
from recsim_tf.fitting.parameters.parameter import as_numbers
from recsim_tf.fitting.saving.config import own_configuration
from recsim_tf.policies.random import random_policy

# So odd a number of users that a parameter with a value for each session fails: it has another
# length.
_NUM_USERS, _NUM_STEPS = 7, 4


def check_same(fitted: Simulator, rebuilt: Simulator, values: Mapping[str, np.ndarray]) -> None:
    """Requires a simulator that was built again to be the fitted one: the same models, the same
    numbers, the same trajectory.

    Args:
      fitted: of `FitResult`.
      rebuilt: without the values.
      values: by parameter.

    Raises:
      ValueError: naming what differs.
    """
    models = {"users": (fitted.users, rebuilt.users)}
    models["documents"] = fitted.documents, rebuilt.documents
    differences = [
        f"{name} is {type(other).__qualname__} there, not {type(one).__qualname__}"
        for name, (one, other) in models.items()
        if type(one) is not type(other)
    ]
    if not differences:
        with own_configuration():
            rebuilt = rebuilt.with_parameters(as_numbers(values))
        differences = list(fitted.differences(rebuilt))
    if differences:
        raise ValueError(
            f"config must build the simulator that was fitted, but {'; '.join(differences)}"
        )
    expected = tf.nest.flatten(_rollout(fitted))
    # As where it will be loaded.
    with own_configuration():
        found = tf.nest.flatten(_rollout(rebuilt))
    if not all(
        np.array_equal(one, other, equal_nan=one.dtype.is_floating)
        for one, other in zip(expected, found, strict=True)
    ):
        raise ValueError(
            "config must build the simulator that was fitted, but with the same numbers it"
            " simulates otherwise: what gin binds for functions that are called while users are"
            " simulated is not part of a model, make it an argument of the model"
        )


def _rollout(simulator: Simulator):
    if simulator.documents.shared:
        # A few users are a small world.
        simulator = simulator.replaced(users_per_world=None)
    try:
        return simulator.rollout(random_policy(simulator), _NUM_USERS, _NUM_STEPS, seed=0)
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(
            "the simulator must simulate any number of users, so no parameter may have a value for"
            f" each session; with {_NUM_USERS} users: {one_line(error)[:200]}"
        ) from error
