# SPDX-License-Identifier: Apache-2.0
"""The environment of this folder in JAX, without TensorFlow and without recsim_tf.

    from environment import Environment

    environment = Environment(".")
    observation, state = environment.reset(jax.random.key(0))
    action = environment.action_space.sample(jax.random.key(1))
    step = jax.jit(environment.step)
    observation, state, reward, done, info = step(jax.random.key(2), state, action)

`reset` and `step` are of B users at once, as many as programs.json says. A user whose session ended
leaves the row to a new user. Both have gradients with respect to parameters, states and actions,
wherever these are floats. programs.json names all arrays. It needs JAX 0.7 or later.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from jax.extend.mlir.dialects import stablehlo

Arrays = dict[str, jax.Array]
# The version of StableHLO in which policies are written, which TensorFlow reads from 2.20 on.
_STABLEHLO = "1.4.0"


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
      num_candidates: N.
      max_steps: the time limit of a session in steps, or None.
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
        self.num_candidates: int = index["num_candidates"]
        self.max_steps: int | None = index["max_steps"]
        programs = {
            name: _Program(path / program["file"], program, values)
            for name, program in index["programs"].items()
        }
        self._programs = {
            name: _differentiable(programs[name], programs.get(f"{name}_gradient"))
            for name in ("reset", "step")
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

    def save_policy(
        self,
        folder: str,
        policy: Callable[[Any, jax.Array], Any],
        gives: Literal["actions", "scores"] = "actions",
    ) -> None:
        """Writes a policy for recsim_tf, where `recsim_tf.policies.exported_policy` reads it.

        Args:
          folder: does not exist, or is empty.
          policy: a function from the observation of B users, and a key, to their actions, or to
            scores of the candidates, [B, N]. Slates are drawn by scores as by Plackett and Luce, so
            that `recsim_tf.ope` knows their probabilities.
          gives: "actions" or "scores".

        Raises:
          ValueError: if there is something in the folder, or if the policy gives anything else.
        """
        path = Path(folder)
        if path.exists() and any(path.iterdir()):
            raise ValueError(f"folder must be new or empty, got {folder}")
        # The programs' names of what the policy takes and gives.
        result = {"actions": "action", "scores": "scores"}[gives]

        def arrays_of(name: str, spaces: Any) -> dict[str, Any]:
            return {
                path: jax.ShapeDtypeStruct(space.shape, space.dtype)
                for path, space in _named(name, spaces).items()
            }

        scores = Space((self.num_users, self.num_candidates), np.dtype(np.float32), None, None)
        expected = arrays_of(result, self.action_space if gives == "actions" else scores)
        taken = arrays_of("observation", self.observation_space)

        def act(seed: jax.Array, *arrays: jax.Array) -> list[jax.Array]:
            key = jax.random.wrap_key_data(jax.lax.bitcast_convert_type(seed, jnp.uint32))
            observation = _part("observation", dict(zip(taken, arrays, strict=True)))
            given = _named(result, policy(observation, key))
            for name, spec in expected.items():
                if name not in given or given[name].shape != spec.shape:
                    shape = given[name].shape if name in given else "nothing"
                    raise ValueError(f"policy must give {name} {spec.shape}, got {shape}")
            return [given[name].astype(spec.dtype) for name, spec in expected.items()]

        seed = jax.ShapeDtypeStruct((2,), np.int32)
        made = export.export(jax.jit(act), platforms=("cpu", "cuda", "tpu"))(seed, *taken.values())
        arguments: list[tuple[str, Any]] = [("seed", seed), *taken.items()]
        read = [arguments[place] for place in made.module_kept_var_idx]
        content = stablehlo.serialize_portable_artifact_str(made.mlir_module(), _STABLEHLO)
        path.mkdir(parents=True, exist_ok=True)
        (path / "policy.stablehlo").write_bytes(content)
        described = {
            "version": made.calling_convention_version,
            "platforms": made.platforms,
            "sha256": hashlib.sha256(content).hexdigest(),
            "num_users": self.num_users,
            **{
                kind: [
                    {"name": name, "shape": spec.shape, "dtype": spec.dtype.name}
                    for name, spec in arrays
                ]
                for kind, arrays in (("arguments", read), ("results", expected.items()))
            },
        }
        (path / "policy.json").write_text(json.dumps(described, indent=2))

    def _params(self, params: Arrays | None) -> Arrays:
        unknown = {*(params or ())} - {*self.default_params}
        if unknown:
            raise ValueError(f"params must be of default_params, got {', '.join(sorted(unknown))}")
        return {**self.default_params, **(params or {})}


class _Program:
    """A program: a function from arrays by name to arrays by name."""

    def __init__(self, path: Path, described: dict[str, Any], values: dict[str, np.ndarray]):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != described["sha256"]:
            raise ValueError(f"{path} must be as it was exported, got other bytes")
        self._path, self._values = path, values
        self.arguments, self.results = (
            {
                each["name"]: jax.ShapeDtypeStruct(each["shape"], np.dtype(each["dtype"]))
                for each in described[kind]
            }
            for kind in ("arguments", "results")
        )

        # An export with the same arguments and results, whose program is replaced. Ours is of all
        # platforms.
        def zeros(*_):
            return [jnp.zeros(each.shape, each.dtype) for each in self.results.values()]

        exported = export.export(
            jax.jit(zeros, keep_unused=True),
            disabled_checks=(export.DisabledSafetyCheck.platform(),),
        )(*self.arguments.values())
        exported = dataclasses.replace(exported, mlir_module_serialized=content)
        self._call = jax.custom_batching.sequential_vmap(exported.call)

    def __call__(self, given: Arrays) -> Arrays:
        arguments = [given[name] for name in self.arguments]
        return dict(zip(self.results, self._call(*arguments), strict=True))

    def checked(self, given: dict[str, Any]) -> Arrays:
        """The arguments as arrays, those that are not given as they were exported."""
        arguments = {}
        for name, spec in self.arguments.items():
            value = jnp.asarray(given[name] if name in given else self._values[name], spec.dtype)
            if value.shape != spec.shape:
                raise ValueError(
                    f"{name} must have the shape {list(spec.shape)} in {self._path},"
                    f" got {list(value.shape)}"
                )
            arguments[name] = value
        return arguments


def _differentiable(program: _Program, gradient: _Program | None) -> Callable[..., Arrays]:
    """A function of arrays by name with the gradient that another program computes."""
    call = jax.custom_vjp(lambda arguments: program(arguments))

    def backward(arguments: Arrays, cotangents: Arrays) -> tuple[dict[str, Any]]:
        if gradient is None:
            raise NotImplementedError("this environment was exported without gradients")
        given = arguments | {f"cotangent.{name}": each for name, each in cotangents.items()}
        gradients = gradient(gradient.checked(given))
        return ({name: gradients.get(f"gradient.{name}") for name in arguments},)

    call.defvjp(lambda arguments: (program(arguments), arguments), backward)
    return lambda **given: call(program.checked(given))


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
