"""Parts of the networks of several agents."""

from collections.abc import Sequence

import tensorflow as tf
from tf_agents.networks import network

from recsim_tf.agents.shared.encoding import ObservationEncoder
from recsim_tf.core import validation
from recsim_tf.policies import fields


def perceptron(hidden_units: Sequence[int], outputs: int, name: str) -> list[tf.keras.layers.Layer]:
    """The layers of a multilayer perceptron; its outputs are float32 under every dtype policy.

    Raises:
      ValueError: if hidden_units are no integers of at least 1.
    """
    validation.check_sizes(hidden_units=hidden_units)
    dense = tf.keras.layers.Dense
    return [
        *(dense(units, "relu", name=f"{name}_hidden") for units in hidden_units),
        dense(outputs, name=f"{name}_value", dtype="float32"),
    ]


def apply_layers(layers: Sequence[tf.keras.layers.Layer], inputs: tf.Tensor) -> tf.Tensor:
    """The layers in turn."""
    for layer in layers:
        inputs = layer(inputs)
    return inputs


def require_hidden_layer(hidden_units: Sequence[int]) -> None:
    """Requires at least one hidden layer, of a size.

    Raises:
      ValueError: for none, or for what is no size.
    """
    validation.check_sizes(hidden_units=hidden_units)
    if not len(hidden_units):
        raise ValueError("hidden_units must name at least one layer, got none")


class SlateNetwork(network.Network):
    """A network on `Observation`s of B users and any number of documents, so that it values
    candidates and slates alike.

    Args:
      observation_spec: `Observation` of specs.
    """

    def __init__(self, observation_spec, name: str):
        # TF-Agents would hold every input to one number of documents, so it is given no spec.
        super().__init__(input_tensor_spec=None, state_spec=(), name=name)
        self._observation_spec = observation_spec
        self._encoder = ObservationEncoder(observation_spec)

    def create_variables(self, input_tensor_spec=None, **kwargs):
        del input_tensor_spec, kwargs
        if not self.built:
            self(fields.zeros(self._observation_spec))


class ItemPerceptron(tf.keras.layers.Layer):
    """A number for each item: a multilayer perceptron on the vectors of a user and of one item,
    shared by all items.

    Called with users float32 [B, F] and items float32 [B, N, G], it gives float32 [B, N].

    Args:
      hidden_units: sizes of the hidden layers, at least one.
      sees_user: whether the user's vector is an input too.

    Raises:
      ValueError: without a hidden layer.
    """

    def __init__(self, hidden_units: Sequence[int], sees_user: bool = True):
        super().__init__(name="items", autocast=False)
        require_hidden_layer(hidden_units)
        dense = tf.keras.layers.Dense
        self._user_layer = dense(hidden_units[0], name="user") if sees_user else None
        self._item_layer = dense(hidden_units[0], use_bias=not sees_user, name="item")
        self._layers_above = perceptron(hidden_units[1:], 1, "item")

    def call(self, users, items):
        outer = tf.shape(items)[:2]
        rows = tf.reshape(items, [-1, items.shape[2]])
        if self._user_layer is None:
            hidden = tf.nn.relu(self._item_layer(rows))
        else:
            # One product over rows of user and item: TensorFlow fuses it with bias and ReLU, which
            # it does not over three axes.
            if not self._user_layer.built:
                self._user_layer(users)
                self._item_layer(rows)
            repeated = tf.broadcast_to(
                users[:, tf.newaxis], tf.concat([outer, tf.shape(users)[1:]], axis=0)
            )
            repeated = tf.reshape(repeated, [-1, users.shape[1]])
            kernel = tf.concat([self._user_layer.kernel, self._item_layer.kernel], axis=0)
            rows, kernel, bias = (
                tf.cast(value, self._user_layer.compute_dtype)
                for value in (tf.concat([repeated, rows], axis=1), kernel, self._user_layer.bias)
            )
            hidden = tf.nn.relu(tf.nn.bias_add(tf.matmul(rows, kernel), bias))
        return tf.reshape(apply_layers(self._layers_above, hidden), outer)
