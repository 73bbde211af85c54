# SPDX-License-Identifier: Apache-2.0
"""Networks of agents from callables with variables, such as models of Keras 3 and Sonnet."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from recsim_tf.agents.shared.networks import CheckedNetwork
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.policies import fields


class OfCallable(CheckedNetwork):
    """A network of TF-Agents that calls a function of observations [B, ...], which has variables
    and no state.

    Args:
      create: makes the function from the specs of observations and from `arguments`. Each call
        makes a function with its own variables, since an agent may have copies of its network.
      spec: the specs of observations.
      arguments: the further arguments of `create`.
      outputs: the name of each tensor that the function returns, and whether it has a number for
        each document, [B, N], or for each user, [B].
      function: a function that `create` made and that no other network has; None to make it.

    Raises:
      TypeError: in the first call, for a function without variables.
      ValueError: in a call, for a function that returns other tensors than those of `outputs`.
    """

    def __init__(
        self,
        create: Callable[..., Callable],
        spec: Observation,
        arguments: Sequence[Any],
        outputs: Mapping[str, bool],
        function: Callable | None = None,
        name: str | None = None,
    ):
        function = create(spec, *arguments) if function is None else function
        super().__init__(None, (), name or _name_of(function))
        self._function, self._observation_spec, self._outputs = function, spec, outputs
        self._variables: list[tf.Variable] | None = None

    def copy(self, **kwargs: Any) -> "OfCallable":
        return super().copy(**{"function": None, **kwargs})

    def create_variables(self, input_tensor_spec: Nest = None, **kwargs):
        if not self.built:
            self(fields.zeros(self._observation_spec))

    def call(self, observation: Observation, step_type=(), network_state=(), training=False):
        results = self._function(observation)
        if self._variables is None:
            self._find_variables()
        results = results if isinstance(results, (tuple, list)) else (results,)
        tensors = tuple(map(tf.convert_to_tensor, results))
        axes = tf.nest.flatten(observation.documents)[0].shape[:2]
        expected = [axes if of_document else axes[:1] for of_document in self._outputs.values()]
        shapes = [tensor.shape for tensor in tensors]
        if len(shapes) != len(expected) or not all(
            shape.is_compatible_with(like) for shape, like in zip(shapes, expected, strict=True)
        ):
            wanted = " and ".join(
                f"{name} {_shown(like)}" for name, like in zip(self._outputs, expected, strict=True)
            )
            got = " and ".join(map(_shown, shapes))
            raise ValueError(f"{self.name} must return {wanted}, got {got}")
        return tensors[0] if len(tensors) == 1 else tensors, network_state

    def _find_variables(self) -> None:
        # A variable of Keras 3 holds a variable of TensorFlow as its `value`.
        variables = [
            each if isinstance(each, tf.Variable) else each.value
            for each in getattr(self._function, "variables", ())
        ]
        # The layers of Keras 2 find variables in attributes. Keras 3 counts the states of its
        # random generators, which are integers, among the variables of a layer.
        self._variables = [each for each in variables if each.dtype.is_floating]
        if not self._variables:
            raise TypeError(
                f"{self.name} must have variables, in an attribute `variables`, got none: an agent"
                " learns them"
            )


def _name_of(function: Callable) -> str:
    name = getattr(function, "name", None) or getattr(function, "__name__", None)
    return (name or type(function).__name__).lstrip("_")


def _shown(shape: tf.TensorShape) -> str:
    return str(shape.as_list()) if shape.rank is not None else "an unknown shape"
