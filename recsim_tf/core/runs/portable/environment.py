"""The environment of this folder in JAX, without TensorFlow and without recsim_tf.

    from environment import Environment

    environment = Environment(".")
    observation, state = environment.reset(jax.random.key(0))
    action = environment.action_space.sample(jax.random.key(1))
    step = jax.jit(environment.step)
    observation, state, reward, done, info = step(jax.random.key(2), state, action)

`reset` and `step` are those of B users at once, as many as programs.json says. A user whose session
ended leaves the row to a new user. programs.json names all arrays. It needs JAX 0.7 or later.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

Arrays = dict[str, jax.Array]


class Space(NamedTuple):
    """The arrays of B users, with bounds, which are None where there are none."""

    shape: tuple[int, ...]
    dtype: np.dtype
    low: Any
    high: Any

    def sample(self, key: jax.Array) -> jax.Array:
        """Arrays that are uniform between the bounds: of positions, those of documents."""
        low = 0 if self.low is None else np.maximum(self.low, 0)
        high = 1 if self.high is None else self.high
        if np.issubdtype(self.dtype, np.integer):
            return jax.random.randint(key, self.shape, low, np.asarray(high) + 1, self.dtype)
        return jax.random.uniform(key, self.shape, self.dtype, low, high)


class Environment:
    """The environment, by the interface of gymnax but for B users.

    Args:
      folder: the folder, with programs.json.

    Attributes:
      num_users: B.
      observation_space, action_space: the space of each array, or the space itself where there is
        one array.
      default_params: the parameters of the models by name, which `reset` and `step` take as
        `params`, whole or in part.

    Raises:
      RuntimeError: if JAX is older than 0.7.
      ValueError: if a program is not the one that was exported.
    """

    def __init__(self, folder: str):
        if jax.__version_info__ < (0, 7):
            raise RuntimeError(f"JAX must be 0.7 or later, got {jax.__version__}")
        path = Path(folder)
        index = json.loads((path / "programs.json").read_text())
        self.num_users: int = index["num_users"]
        values = dict(np.load(path / index["values"], allow_pickle=False))
        self.default_params: Arrays = {name: values.pop(name) for name in index["parameters"]}
        self._programs = {
            name: _Program(path / program["file"], program, values)
            for name, program in index["programs"].items()
        }
        spaces = {
            name: Space(
                (self.num_users, *space["shape"]),
                np.dtype(space["dtype"]),
                *(
                    None if space[end] is None else np.asarray(space[end])
                    for end in ("low", "high")
                ),
            )
            for name, space in index["spaces"].items()
        }
        self.observation_space = _part("observation", spaces)
        self.action_space = _part("action", spaces)

    def reset(self, key: jax.Array, params: Arrays | None = None) -> tuple[Any, Arrays]:
        """B new users: their observation, and the state."""
        results = self._programs["reset"](seed=_seed(key), **self._params(params))
        return _part("observation", results), _part("state", results)

    def step(
        self, key: jax.Array, state: Arrays, action: Any, params: Arrays | None = None
    ) -> tuple[Any, Arrays, jax.Array, jax.Array, Arrays]:
        """Shows each user a slate. Returns the observation, the state, the rewards [B], whether the
        session ended [B], and "terminated", "truncated" and "last_observation", which is that of a
        user whose session ended.
        """
        results = self._programs["step"](
            seed=_seed(key),
            **_named("state", state),
            **_named("action", action),
            **self._params(params),
        )
        terminated, truncated = results["terminated"], results["truncated"]
        info = {"terminated": terminated, "truncated": truncated}
        info["last_observation"] = _part("last_observation", results)
        observation, state = _part("observation", results), _part("state", results)
        return observation, state, results["reward"], terminated | truncated, info

    def of_one_user(self) -> "OneUser":
        """The environment of one user, for trainers that go over users by `jax.vmap`."""
        return OneUser(self)

    def _params(self, params: Arrays | None) -> Arrays:
        unknown = {*(params or ())} - {*self.default_params}
        if unknown:
            raise ValueError(f"params must be of default_params, got {', '.join(sorted(unknown))}")
        return {**self.default_params, **(params or {})}


class OneUser:
    """The environment of one user, by the interface of gymnax.

    `jax.vmap` over B users is a single call of the batched environment, with the key of the first
    user. Over another number of users, or without it, each user is the first of a batch.

    Args:
      environment: the environment of B users.

    Raises:
      ValueError: if users share a world.
    """

    def __init__(self, environment: Environment):
        self._environment = environment
        self.default_params = environment.default_params
        num_users = environment.num_users

        def is_of_users(array: Any) -> bool:
            return array.shape[:1] == (num_users,)

        state = jax.eval_shape(environment.reset, jax.random.key(0))[1]
        if not all(map(is_of_users, jax.tree.leaves(state))):
            raise ValueError("users of this environment share a world: take the environment of all")

        def batched(function: Any) -> Any:
            """A function of a key, parameters and the arrays of a user, from that of B users."""

            @jax.custom_batching.custom_vmap
            def of_one(key: jax.Array, params: Arrays, arrays: Any) -> Any:
                same = jax.tree.map(lambda each: jnp.stack([each] * num_users), arrays)
                return jax.tree.map(lambda each: each[0], function(key, params, same))

            @of_one.def_vmap
            def of_many(size: int, is_batched: Any, keys: jax.Array, params: Arrays, arrays: Any):
                are_users = size == num_users and not any(jax.tree.leaves(is_batched[1]))
                if not (are_users and all(jax.tree.leaves(is_batched[2])) and is_batched[0]):
                    every = jax.tree.map(
                        lambda each, axis: each if axis else jnp.stack([each] * size),
                        (keys, params, arrays),
                        tuple(is_batched),
                    )
                    results = jax.lax.map(lambda each: of_one(*each), every)
                else:
                    results = function(keys[0], params, arrays)
                return results, jax.tree.map(lambda _: True, results)

            return of_one

        self._reset = batched(lambda key, params, _: environment.reset(key, params))
        self._step = batched(
            lambda key, params, arrays: environment.step(key, arrays[0], arrays[1], params)
        )

    def reset(self, key: jax.Array, params: Arrays | None = None) -> tuple[Any, Arrays]:
        """A new user: the observation, and the state."""
        return self._reset(key, params or self.default_params, ())

    def step(
        self, key: jax.Array, state: Arrays, action: Any, params: Arrays | None = None
    ) -> tuple[Any, Arrays, jax.Array, jax.Array, Arrays]:
        """Shows the user a slate; see `Environment.step`."""
        return self._step(key, params or self.default_params, (state, action))


class _Program:
    """A program, called by the names of its arguments."""

    def __init__(self, path: Path, described: dict[str, Any], values: dict[str, np.ndarray]):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != described["sha256"]:
            raise ValueError(f"{path} must be as it was exported, got other bytes")
        self._path, self._values = path, values
        arguments, results = (
            {
                each["name"]: jax.ShapeDtypeStruct(each["shape"], np.dtype(each["dtype"]))
                for each in described[kind]
            }
            for kind in ("arguments", "results")
        )
        self._arguments, self._results = arguments, results

        # An export with the same arguments and results, whose program is replaced.
        def zeros(*_):
            return [jnp.zeros(each.shape, each.dtype) for each in results.values()]

        exported = export.export(jax.jit(zeros, keep_unused=True))(*arguments.values())
        exported = dataclasses.replace(exported, mlir_module_serialized=content)
        self._call = jax.custom_batching.sequential_vmap(exported.call)

    def __call__(self, **given: Any) -> Arrays:
        arguments = []
        for name, spec in self._arguments.items():
            value = jnp.asarray(given[name] if name in given else self._values[name], spec.dtype)
            if value.shape != spec.shape:
                raise ValueError(
                    f"{name} must have the shape {list(spec.shape)} in {self._path},"
                    f" got {list(value.shape)}"
                )
            arguments.append(value)
        return dict(zip(self._results, self._call(*arguments), strict=True))


def _seed(key: jax.Array) -> jax.Array:
    """The seed of a key, int32 [2]."""
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    return jax.lax.bitcast_convert_type(key, jnp.int32) if key.dtype == jnp.uint32 else key


def _part(name: str, arrays: dict[str, Any]) -> Any:
    """The arrays below a name by the rest of their names; the array itself if it has the name."""
    part = {
        path.removeprefix(f"{name}."): array
        for path, array in arrays.items()
        if path.startswith(f"{name}.")
    }
    return arrays.get(name, part)


def _named(name: str, part: Any) -> dict[str, Any]:
    """The arrays of a part by their whole names."""
    if not isinstance(part, dict):
        return {name: part}
    return {f"{name}.{path}": array for path, array in part.items()}
