# SPDX-License-Identifier: Apache-2.0
"""The environment of one user by the interface of gymnax, for trainers such as rejax and PureJaxRL.

from environment import Environment
from in_gymnax import GymnaxEnvironment

environment = GymnaxEnvironment(Environment("."))
agent = rejax.PPO.create(env=environment, num_envs=1000)
"""

import importlib.metadata
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces

# From this version on a step returns "terminated" and "truncated" in place of "done".
_SPLIT = int(importlib.metadata.version("gymnax").split(".")[0]) >= 1
_UNLIMITED = np.iinfo(np.int32).max


class Params(NamedTuple):
    """The parameters of an environment."""

    max_steps_in_episode: Any  # the time limit of a session, which the environment keeps itself
    models: dict[str, Any]  # the parameters of the models by name


class GymnaxEnvironment:
    """One user of an exported environment.

    An observation is a vector of float32 of all numbers that the environment shows, in the order of
    its `observation_space`. Where a slate has one document, an action is its position, of
    `Discrete`; else it is the positions of a slate, of `Box`.

    `jax.vmap` over N users runs as many batches of B users as they need, each with one key that
    the keys of its users make together. Without it a user is the first of a batch. Users with
    different parameters run one after another.

    Args:
      environment: the environment of B users.

    Attributes:
      default_params: the `Params` that were exported.

    Raises:
      ValueError: if users share a world, or if an action has a query beside the slate.
    """

    def __init__(self, environment: Any):
        self._environment = environment
        actions, self._num_users = environment.action_space, environment.num_users
        if isinstance(actions, dict):
            raise ValueError(
                f"actions must be slates alone for gymnax, got {', '.join(sorted(actions))}"
            )
        state = jax.eval_shape(environment.reset, jax.random.key(0))[1]
        if any(each.shape[:1] != (self._num_users,) for each in jax.tree.leaves(state)):
            raise ValueError("users of this environment share a world: take the environment of all")
        limit = _UNLIMITED if environment.max_steps is None else environment.max_steps
        self.default_params = Params(jnp.int32(limit), environment.default_params)
        [slate_size], last = actions.shape[1:], int(np.max(actions.high))
        if slate_size == 1:
            self._actions: spaces.Space = spaces.Discrete(last + 1)
        else:
            self._actions = spaces.Box(0, last, (slate_size,), jnp.int32)
        low, high = (
            np.concatenate(
                [
                    np.broadcast_to(
                        infinite if getattr(space, end) is None else getattr(space, end),
                        space.shape[1:],
                    ).ravel()
                    for space in environment.observation_space.values()
                ]
            ).astype(np.float32)
            for end, infinite in (("low", -np.inf), ("high", np.inf))
        )
        self._observations = spaces.Box(jnp.asarray(low), jnp.asarray(high), low.shape)

        def reset(key: jax.Array, models: dict[str, Any], _: tuple) -> Any:
            observation, state = environment.reset(key, models)
            return self._flat(observation), state

        def step(key: jax.Array, models: dict[str, Any], given: Any) -> Any:
            state, action = given
            slates = action.reshape(self._num_users, slate_size)
            observation, state, reward, done, info = environment.step(key, state, slates, models)
            ends = {name: info[name] for name in ("terminated", "truncated")}
            if not _SPLIT:
                return self._flat(observation), state, reward, done, ends
            info = {**ends, "final_observation": self._flat(info["last_observation"])}
            return self._flat(observation), state, reward, *ends.values(), info

        self._reset, self._step = self._of_one_user(reset), self._of_one_user(step)

    @property
    def num_actions(self) -> int:
        """The number of actions of a slate of one document."""
        return self._actions.n

    def action_space(self, params: Params | None = None) -> spaces.Space:
        """The space of an action."""
        return self._actions

    def observation_space(self, params: Params | None = None) -> spaces.Box:
        """The space of an observation."""
        return self._observations

    def reset(self, key: jax.Array, params: Params | None = None) -> tuple[jax.Array, Any]:
        """A new user: the observation, and the state."""
        return self._reset(key, (params or self.default_params).models, ())

    def step(self, key: jax.Array, state: Any, action: Any, params: Params | None = None) -> Any:
        """Shows the user a slate. Returns what `step` returns in the gymnax that is installed."""
        given = state, jnp.asarray(action, jnp.int32)
        return self._step(key, (params or self.default_params).models, given)

    def save_policy(
        self,
        folder: str,
        act: Callable[[jax.Array, jax.Array], Any],
        gives: Literal["actions", "scores"] = "actions",
    ) -> None:
        """Writes a policy for recsim_tf, see `Environment.save_policy`.

        Args:
          folder: does not exist, or is empty.
          act: a function from the observation of a user, and a key, to the action, as rejax's
            `make_act` gives it, or to scores of the candidates, [N].
          gives: "actions" or "scores".
        """

        def policy(observation: dict[str, jax.Array], key: jax.Array) -> jax.Array:
            users = self._flat(observation)
            keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(users.shape[0]))
            given = jax.vmap(act)(users, keys)
            return given.reshape(users.shape[0], -1) if gives == "actions" else given

        self._environment.save_policy(folder, policy, gives)

    def _flat(self, observation: dict[str, jax.Array]) -> jax.Array:
        """The observations of users as vectors, float32 [B, D]."""
        arrays = [observation[name] for name in self._environment.observation_space]
        rows = [each.reshape(each.shape[0], -1).astype(jnp.float32) for each in arrays]
        return jnp.concatenate(rows, axis=1)

    def _of_one_user(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of a key, parameters and the arrays of a user, from such a function of B users
        that takes one key.
        """
        num_users = self._num_users

        @jax.custom_batching.custom_vmap
        def of_one(key: jax.Array, models: dict[str, Any], given: Any) -> Any:
            same = jax.tree.map(lambda each: jnp.stack([each] * num_users), given)
            return jax.tree.map(lambda each: each[0], function(key, models, same))

        @of_one.def_vmap
        def of_many(size: int, are_many: Any, *arguments: Any) -> Any:
            def for_all(each: jax.Array, is_many: bool) -> jax.Array:
                return each if is_many else jnp.stack([each] * size)

            keys, models, given = arguments
            if any(jax.tree.leaves(are_many[1])):
                results = jax.lax.map(
                    lambda each: of_one(*each), jax.tree.map(for_all, arguments, tuple(are_many))
                )
                return results, jax.tree.map(lambda _: True, results)
            keys, given = jax.tree.map(for_all, (keys, given), (are_many[0], are_many[2]))
            if size == num_users:
                results = function(_joined(keys), models, given)
            else:
                num_batches = -(-size // num_users)
                rows = jnp.arange(num_batches * num_users) % size
                batches = jax.tree.map(
                    lambda each: each[rows].reshape(num_batches, num_users, *each.shape[1:]),
                    (keys, given),
                )
                results = jax.lax.map(
                    lambda each: function(_joined(each[0]), models, each[1]), batches
                )
                results = jax.tree.map(
                    lambda each: each.reshape(-1, *each.shape[2:])[:size], results
                )
            return results, jax.tree.map(lambda _: True, results)

        return of_one


def _joined(keys: jax.Array) -> jax.Array:
    """One key from the keys of users, uint32 [2]. All keys count: in a loop those of users whose
    session ended may stay as they are.
    """
    bits = jax.vmap(lambda key: jax.random.bits(key, (2,), jnp.uint32))(keys)
    return jnp.sum(bits, axis=0, dtype=jnp.uint32)
