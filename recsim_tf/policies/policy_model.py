# SPDX-License-Identifier: Apache-2.0
"""The base of policies whose constants are parameters."""

from typing import Any, ClassVar

import tensorflow as tf

from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.traces import joint_key
from recsim_tf.core.step.session_source import SessionSource


class PolicyModel(Model):
    """A policy that is a `Model`, so that values of its parameters can be compared side by side.

    It is a dataclass. A subclass has the method `__call__(observation, policy_state, seed)` of
    `recsim_tf.Policy`, and `initial_state(num_users)` where it has a state. It reads its parameters
    by `self.per_user`. Between two calls it may change only by other values of its fields, and a
    function in a field is taken as unchanging only if it is a model or `Traceable`.

        class Cheapest(PolicyModel):
            simulator: recsim_tf.Simulator
            shipping: Any = recsim_tf.parameter(1.0, low=0)

            def __call__(self, observation, policy_state, seed):
                price = observation.documents.price + self.per_user("shipping", rank=2)
                return tf.math.top_k(-price, self.simulator.slate_size).indices, policy_state
    """

    # The dtype in which parameters are read.
    dtype: ClassVar[tf.DType] = tf.float32

    def trace_key(self, with_tensors: bool = False) -> tuple | None:
        fields = [value for _, value in self._given()]
        several = [each for value in fields if isinstance(value, list | tuple) for each in value]
        functions = [each for each in (*fields, *several) if callable(each)]
        inner = joint_key(*(each for each in functions if not isinstance(each, type)))
        key = super().trace_key(with_tensors)
        return None if key is None or inner is None else (key, inner)

    def parameters(self) -> dict[str, Any]:
        """Values of all parameters by name but those of the environment of the policy."""
        made_for = {
            field.name for field, value in self._fields() if isinstance(value, SessionSource)
        }
        return {
            name: value
            for name, value in super().parameters().items()
            if name.partition(".")[0] not in made_for
        }
