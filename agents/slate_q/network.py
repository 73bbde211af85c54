"""The networks of SlateQ: an item-wise Q(s, i) and the value of "no click", Q(s, none)."""

from collections.abc import Sequence

import gin
import tensorflow as tf
from tf_agents.networks import network

from recsim_tf.agents.shared import encoding


class SlateNetwork(network.Network):
    """A network on `Observation`s of B users and any number of documents, so that it values
    candidates and slates alike.
    """

    def __init__(self, observation_spec, name: str):
        # TF-Agents would hold every input to one number of documents, so it is given no spec.
        super().__init__(input_tensor_spec=None, state_spec=(), name=name)
        self._observation_spec = observation_spec

    def create_variables(self, input_tensor_spec=None, **kwargs):
        del input_tensor_spec, kwargs
        if not self.built:
            self(
                tf.nest.map_structure(
                    lambda spec: tf.zeros([1, *spec.shape], spec.dtype), self._observation_spec
                )
            )


@gin.configurable
class SlateQNetwork(SlateNetwork):
    """Q-values of every candidate and of "no click".

    The item-wise value is a multilayer perceptron on the user's and one document's observation,
    shared by all candidates. The no-click value is a perceptron on the user's observation.

    Calling it with an observation of B users and N candidates gives ((q_items float [B, N],
    q_no_click float [B]), network_state).

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers, RecSim's are (256, 32).
      no_click: "learned", or "zero" for the SlateQ paper's value of zero.
      relative: with a learned no-click value, whether the item network gives the difference Q(s, i)
        - Q(s, none) instead of Q(s, i). The values of different choices in one state then share
        their common part and the network spends itself on what differs, as in a dueling network
        (Wang et al. 2016, arXiv 1511.06581).
      items_see_user: whether an item's value depends on the user beyond what it is relative to.
        Where the user's observation betrays how far a session has come, an item network that sees
        it spends itself on that.
    """

    def __init__(
        self,
        observation_spec,
        hidden_units: Sequence[int] = (64, 64),
        no_click: str = "learned",
        relative: bool = True,
        items_see_user: bool = True,
        name: str = "SlateQNetwork",
    ):
        super().__init__(observation_spec, name)
        if no_click not in ("learned", "zero"):
            raise ValueError(f"no_click must be learned or zero, got {no_click!r}")
        if not hidden_units:
            raise ValueError("hidden_units must name at least one layer, got none")
        self._user_spec = observation_spec.user
        self._document_spec = encoding.element_spec(observation_spec.documents)
        self._relative = relative and no_click == "learned"
        layers = tf.keras.layers
        self._user_layer = layers.Dense(hidden_units[0], name="user") if items_see_user else None
        self._document_layer = layers.Dense(
            hidden_units[0], use_bias=not items_see_user, name="document"
        )
        self._item_layers = [
            *(layers.Dense(n, "relu", name="item_hidden") for n in hidden_units[1:]),
            layers.Dense(1, name="item_value", dtype="float32"),
        ]
        self._no_click_layers = []
        if no_click == "learned":
            hidden = [layers.Dense(n, "relu", name="no_click_hidden") for n in hidden_units]
            self._no_click_layers = [
                *hidden,
                layers.Dense(1, name="no_click_value", dtype="float32"),
            ]

    @property
    def learns_no_click(self) -> bool:
        """Whether the no-click value is learned rather than zero."""
        return bool(self._no_click_layers)

    def call(self, observation, step_type=(), network_state=(), training=False):
        del step_type, training
        user = encoding.encode(observation.user, self._user_spec, 1)
        documents = encoding.encode(observation.documents, self._document_spec, 2)
        q_items = self._item_values(user, documents)
        return with_no_click(q_items, user, self._no_click_layers, self._relative), network_state

    def _item_values(self, user, documents):
        outer = tf.shape(documents)[:2]
        rows = tf.reshape(documents, [-1, documents.shape[2]])
        if self._user_layer is None:
            hidden = tf.nn.relu(self._document_layer(rows))
        else:
            # One product over rows of user and document: TensorFlow fuses it with bias and ReLU,
            # which it does not over three axes.
            if not self._user_layer.built:
                self._user_layer(user)
                self._document_layer(rows)
            users = tf.broadcast_to(
                user[:, tf.newaxis], tf.concat([outer, tf.shape(user)[1:]], axis=0)
            )
            users = tf.reshape(users, [-1, user.shape[1]])
            kernel = tf.concat([self._user_layer.kernel, self._document_layer.kernel], axis=0)
            rows, kernel, bias = (
                tf.cast(value, self._user_layer.compute_dtype)
                for value in (tf.concat([users, rows], axis=1), kernel, self._user_layer.bias)
            )
            hidden = tf.nn.relu(tf.nn.bias_add(tf.matmul(rows, kernel), bias))
        return tf.reshape(apply_layers(self._item_layers, hidden), outer)


def apply_layers(layers, inputs):
    """The layers in turn."""
    for layer in layers:
        inputs = layer(inputs)
    return inputs


def with_no_click(q_items, user, no_click_layers, relative: bool):
    """Values of items [B, N] and of no click [B], which the layers find from users [B, F].

    Args:
      q_items: [B, N].
      user: [B, F].
      no_click_layers: none for a no-click value of zero.
      relative: whether `q_items` are what the items are worth over no click.
    """
    if not no_click_layers:
        return q_items, tf.zeros_like(q_items[:, 0])
    q_no_click = tf.squeeze(apply_layers(no_click_layers, user), axis=-1)
    return (q_items + q_no_click[:, tf.newaxis] if relative else q_items), q_no_click


@gin.configurable
class ClickNetwork(SlateNetwork):
    """Logits of a multinomial logit choice, learned from clicks: called as `SlateQNetwork`, it
    gives (logits [B, N], no_click_logit [B]).

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers of both perceptrons.
    """

    def __init__(
        self, observation_spec, hidden_units: Sequence[int] = (64, 32), name: str = "ClickNetwork"
    ):
        super().__init__(observation_spec, name)
        self._logits = SlateQNetwork(
            observation_spec, hidden_units, no_click="learned", relative=False, name="logits"
        )

    def call(self, observation, step_type=(), network_state=(), training=False):
        return self._logits(observation, step_type, network_state, training=training)
