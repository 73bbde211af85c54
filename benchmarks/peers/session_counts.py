# SPDX-License-Identifier: Apache-2.0
"""The memory of an agent in interest evolution, as a wrapper of an environment of gymnax."""

from typing import Any, NamedTuple

import interest_evolution as evolution
import jax
import jax.numpy as jnp
from gymnax.environments import spaces

_SCALE = 0.1  # of counts, of which a session has tens


class Counted(NamedTuple):
    """The state of a session, and what was shown and clicked in it."""

    state: Any
    documents: jax.Array  # [N, T], one-hot
    impressions: jax.Array  # [T], by topic
    clicks: jax.Array  # [T]


class SessionCounts:
    """Observations with impressions and clicks by topic: of the user, of the session, and of the
    candidates. They leave out the last response, which the counts have.

    Args:
      environment: a `GymnaxEnvironment` of interest evolution whose slates have one document.
    """

    def __init__(self, environment: Any):
        self._environment = environment
        self.default_params = environment.default_params
        self.num_actions = environment.num_actions
        size = (3 + self.num_actions) * evolution.NUM_TOPICS
        self._space = spaces.Box(-jnp.inf, jnp.inf, (size,), jnp.float32)

    def action_space(self, params: Any = None) -> Any:
        """The space of an action."""
        return self._environment.action_space(params)

    def observation_space(self, params: Any = None) -> spaces.Box:
        """The space of an observation."""
        return self._space

    def reset(self, key: jax.Array, params: Any = None) -> tuple[jax.Array, Counted]:
        """A new user, of whom there are no counts."""
        observation, state = self._environment.reset(key, params)
        none = jnp.zeros(evolution.NUM_TOPICS)
        return self._counted(observation, state, none, none)

    def step(self, key: jax.Array, state: Counted, action: Any, params: Any = None) -> Any:
        """Shows the user a document, and counts it unless a new user follows."""
        observation, inner, reward, done, info = self._environment.step(
            key, state.state, action, params
        )
        topic = state.documents[action]
        clicked = observation[(1 + self.num_actions) * evolution.NUM_TOPICS]
        counts = (state.impressions + topic, state.clicks + clicked * topic)
        seen = self._counted(observation, inner, *(jnp.where(done, 0, count) for count in counts))
        return *seen, reward, done, info

    def _counted(
        self, observation: jax.Array, state: Any, impressions: jax.Array, clicks: jax.Array
    ) -> tuple[jax.Array, Counted]:
        topics = evolution.NUM_TOPICS
        user, documents = jnp.split(observation[: (1 + self.num_actions) * topics], [topics])
        seen = jnp.concatenate([user, _SCALE * impressions, _SCALE * clicks, documents])
        return seen, Counted(state, documents.reshape(-1, topics), impressions, clicks)
