# SPDX-License-Identifier: Apache-2.0
"""A layer under which an agent sees the kinds of documents in place of their features."""

from recsim_tf.agents.layers.layer import Layer
from recsim_tf.agents.shared.kinds import kinds_from, kinds_of
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.core.step.turns import ActionFormat


class Kinds(Layer):
    """The agent sees each document as a number, its kind, where there are few kinds of documents.

    A replay then keeps numbers in place of features, and the networks of recsim_tf compute what
    they need of a document once for each kind. They see the same: their specs have the features of
    each kind, see `KindSpec`. The policy that `serve` makes takes the features of the environment.

    Args:
      simulator: the environment, whose documents have `num_kinds`.

    Raises:
      ValueError: if the documents have no kinds, or above a layer.
    """

    def __init__(self, simulator: Simulator):
        self._spec = kinds_of(simulator)

    def check(self, simulator: SessionSource):
        if not isinstance(simulator, Simulator):
            raise ValueError(
                f"Kinds must be the first layer, got {type(simulator).__name__} below it"
            )

    def observation_spec(self, observation_spec: Observation, actions: ActionFormat) -> Observation:
        return observation_spec._replace(documents=self._spec)

    def augment(self, memory: Nest, observation: Observation) -> Observation:
        kinds = kinds_from(observation.documents, self._spec.features)
        return observation._replace(documents=kinds)

    def observe(self, memory: Nest, below: SessionSource, state: Nest) -> Observation:
        return below.observe(state)._replace(documents=state.candidates)
