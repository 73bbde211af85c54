# SPDX-License-Identifier: Apache-2.0
"""A simulator as programs that XLA runs without TensorFlow: its rollout and its log-likelihood, or
its reset and its step.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf._version import __version__
from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import Count, OneOf, checked
from recsim_tf.core.base.types import Nest, Policy, Turn
from recsim_tf.core.runs import stablehlo
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.step import turns
from recsim_tf.core.targets import TARGETS, for_accelerators
from recsim_tf.support.new_folders import require_new
from recsim_tf.support.outputs import write_folder

_INDEX, _VALUES = "programs.json", "values.npz"
# The readers of an exported environment in JAX, which are copied into its folder.
_READERS = Path(__file__).parent / "portable"


class SimulatorProgram(NamedTuple):
    """A program of a simulator. Arguments and results are in the order of the program."""

    text: Any  # StableHLO: a text, or the bytes that TensorFlow serialises
    arguments: dict[str, tf.TensorSpec]
    results: dict[str, tf.TensorSpec]
    # of those arguments that are parameters of the simulator, or tensors that its models or the
    # policy read
    values: dict[str, np.ndarray]


@checked
def export(
    simulator: Any,
    folder: str | os.PathLike,
    policy: Policy,
    num_users: int,
    num_steps: int,
    target: Annotated[str, OneOf(TARGETS)],
) -> Path:
    """Writes the programs of a simulator into a new folder; see `Simulator.export`."""
    path = Path(folder)
    require_new(path)
    with for_accelerators(target):
        programs = simulator_programs(simulator, policy, num_users, num_steps)
    values: dict[str, np.ndarray] = {}
    for program in programs.values():
        values |= program.values
    index = {
        "recsim_tf": __version__,
        "tensorflow": tf.__version__,
        "num_users": int(num_users),
        "num_steps": int(num_steps),
        "values": _VALUES,
        "programs": {
            name: {
                "file": _file(name),
                "arguments": _described(program.arguments),
                "results": _described(program.results),
            }
            for name, program in programs.items()
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = {_file(name): program.text for name, program in programs.items()}
    return write_folder(path, {**texts, _VALUES: values, _INDEX: index})


@checked
def export_environment(
    simulator: Any,
    folder: str | os.PathLike,
    num_users: Count,
    target: Annotated[str, OneOf(TARGETS)],
) -> Path:
    """Writes the reset and the step of a simulator into a new folder; see
    `Simulator.export_environment`.
    """
    path = Path(folder)
    require_new(path)
    with for_accelerators(target):
        programs = _environment_programs(simulator, num_users)
    values = _parameters(simulator)
    for program in programs.values():
        values |= program.values
    files: dict[str, Any] = {f"{name}.stablehlo": each.text for name, each in programs.items()}
    files |= {path.name: path.read_text(encoding="utf-8") for path in _READERS.glob("*.py")}
    spaces = [
        *nests.leaves("observation", simulator.observation_spec()),
        *nests.leaves("action", turns.action_spec(simulator, empty_positions=True)),
    ]
    index = {
        "recsim_tf": __version__,
        "tensorflow": tf.__version__,
        "num_users": int(num_users),
        "slate_size": simulator.slate_size,
        "num_candidates": simulator.num_candidates,
        "max_steps": simulator.max_steps,
        "parameters": sorted(_parameters(simulator)),
        "values": _VALUES,
        "programs": {
            name: {
                "file": f"{name}.stablehlo",
                "sha256": hashlib.sha256(program.text).hexdigest(),
                "arguments": _described(program.arguments),
                "results": _described(program.results),
            }
            for name, program in programs.items()
        },
        # Of one user.
        "spaces": {name: _space(spec) for name, spec in spaces},
        "notes": {
            "seed": "Two numbers, int32. The same seed gives the sessions that TensorFlow's XLA"
            " gives.",
            "action": "Positions among the candidates, from 0; -1 is an empty position, and so is"
            " a position out of range.",
            "step": "A user whose session ended leaves the row to a new user, whom `observation`"
            " and `state` then show; `last_observation` is the observation before that.",
            "gradients": "`reset_gradient` and `step_gradient` take the arguments of the program"
            " and a cotangent of each float that it returns. They return the gradient of each float"
            " that it takes.",
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_folder(path, {**files, _VALUES: values, _INDEX: index})


def _environment_programs(simulator: Any, num_users: int) -> dict[str, SimulatorProgram]:
    """The programs "reset" and "step" of an environment with auto-reset."""
    parameters = {name: _spec(value) for name, value in _parameters(simulator).items()}
    seed = {"seed": tf.TensorSpec([2], tf.int32)}

    def of(arguments: dict[str, tf.Tensor]) -> Any:
        return simulator.with_parameters({name: arguments[name] for name in parameters})

    def reset(arguments: dict[str, tf.Tensor]) -> Nest:
        state = of(arguments).reset(num_users, arguments["seed"])
        return {"observation": of(arguments).observe(state), "state": state}

    start_arguments = {**seed, **parameters}
    first, structure = _serialized("reset", reset, start_arguments)
    states = {name: spec for name, spec in first.results.items() if name.startswith("state.")}
    action_spec = turns.action_spec(simulator, empty_positions=True)
    actions = {
        name: tf.TensorSpec([num_users, *spec.shape], spec.dtype)
        for name, spec in nests.leaves("action", action_spec)
    }

    def step(arguments: dict[str, tf.Tensor]) -> Nest:
        this = of(arguments)
        leaves = [arguments[name] for name in states]
        state = tf.nest.pack_sequence_as(structure["state"], leaves)
        action = tf.nest.pack_sequence_as(action_spec, [arguments[name] for name in actions])
        turn = Turn.of(action)
        is_shown = (turn.slate >= 0) & (turn.slate < simulator.num_candidates)
        turn = turn._replace(slate=tf.where(is_shown, turn.slate, -1))
        step_seed, newcomer_seed = random.split_seed(arguments["seed"], 2)
        state, transition = this.step(state, turn.action, step_seed)
        last = this.observe(state)
        state = this.replace(state, state.done, newcomer_seed)
        return {
            "observation": this.observe(state),
            "state": state,
            "reward": transition.reward,
            "terminated": transition.terminated,
            "truncated": transition.truncated,
            "last_observation": last,
        }

    step_arguments = {**seed, **states, **actions, **parameters}
    after, _ = _serialized("step", step, step_arguments)
    return {
        "reset": first,
        "step": after,
        "reset_gradient": _gradient("reset_gradient", reset, start_arguments, first),
        "step_gradient": _gradient("step_gradient", step, step_arguments, after),
    }


def _gradient(
    name: str,
    function: Callable[[dict[str, tf.Tensor]], Nest],
    arguments: dict[str, tf.TensorSpec],
    program: SimulatorProgram,
) -> SimulatorProgram:
    """The program of the product of vectors with the Jacobian of a function. It takes the arguments
    of the function and a cotangent of each float result, and gives the gradient of each float
    argument.
    """
    cotangents = {path: spec for path, spec in program.results.items() if spec.dtype.is_floating}

    def gradient(given: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        floats = {path: given[path] for path, spec in arguments.items() if spec.dtype.is_floating}
        with tf.GradientTape() as tape:
            tape.watch(floats)
            results = dict(nests.leaves("", function({path: given[path] for path in arguments})))
        gradients = tape.gradient(
            {path: results[path] for path in cotangents},
            floats,
            {path: given[f"cotangent.{path}"] for path in cotangents},
            tf.UnconnectedGradients.ZERO,
        )
        # The gradient of a table whose rows are gathered is of IndexedSlices.
        return {f"gradient.{path}": tf.convert_to_tensor(each) for path, each in gradients.items()}

    vectors = {f"cotangent.{path}": spec for path, spec in cotangents.items()}
    return _serialized(name, gradient, {**arguments, **vectors})[0]


def _serialized(
    name: str,
    function: Callable[[dict[str, tf.Tensor]], Nest],
    arguments: dict[str, tf.TensorSpec],
) -> tuple[SimulatorProgram, Nest]:
    """A function of tensors by name as TensorFlow serialises it, and the structure of its
    result.
    """
    traced: Any = compiled(
        lambda *leaves: function(dict(zip(arguments, leaves, strict=True))), jit_compile=True
    )
    concrete = traced.get_concrete_function(*arguments.values())
    content = stablehlo.compiled_by_xla(traced, arguments.values(), name, "stablehlo_serialized")
    variables = {id(variable.handle): variable for variable in concrete.graph.variables}
    captured = {
        f"{name}.constant.{number}": variables.get(id(tensor), tensor).numpy()
        for number, tensor in enumerate(concrete.captured_inputs)
    }
    results = {path: _spec(leaf) for path, leaf in nests.leaves("", concrete.structured_outputs)}
    constants = {path: _spec(value) for path, value in captured.items()}
    return (
        SimulatorProgram(content, arguments | constants, results, captured),
        concrete.structured_outputs,
    )


def _space(spec: tf.TensorSpec) -> dict[str, Any]:
    """The space of an observation or an action in JSON: its bounds are null where there are none,
    and lists where they differ.
    """

    def bound(limit: Any) -> Any:
        values = np.unique(np.asarray(limit))
        return values[0].item() if len(values) == 1 else np.asarray(limit).tolist()

    bounds = {}
    for name, limit in zip(("low", "high"), turns.limits(spec), strict=True):
        ends = () if spec.dtype.is_bool else (spec.dtype.min, spec.dtype.max)
        bounds[name] = None if np.isin(np.asarray(limit), ends).all() else bound(limit)
    return {"shape": spec.shape.as_list(), "dtype": spec.dtype.name, **bounds}


def simulator_programs(
    simulator: Any, policy: Policy, num_users: int, num_steps: int
) -> dict[str, SimulatorProgram]:
    """The programs "rollout" and "log_prob" of a simulator, as they are traced for accelerators;
    see `Simulator.export`.
    """
    parameters = _parameters(simulator)
    specs = {name: _spec(value) for name, value in parameters.items()}

    def rollout(arguments: dict[str, tf.Tensor]) -> Nest:
        values = {name: arguments[name] for name in parameters}
        return simulator.with_parameters(values).rollout(
            policy, num_users, num_steps, arguments["seed"]
        )

    with for_accelerators():
        arguments = {"seed": tf.TensorSpec([2], tf.int32), **specs}
        simulate, trajectory = _program("rollout", rollout, arguments, parameters, num_users)
        names = list(simulate.results)

        def log_prob(arguments: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            leaves = [arguments[name] for name in names]
            recorded = tf.nest.pack_sequence_as(trajectory, leaves)
            values = {name: arguments[name] for name in parameters}
            floats = {name: value for name, value in values.items() if value.dtype.is_floating}
            with tf.GradientTape() as tape:
                tape.watch(floats)
                scores = simulator.with_parameters(values).log_prob(recorded)
                total = tf.reduce_sum(scores.total)
            zero = tf.UnconnectedGradients.ZERO
            gradients = tape.gradient(total, floats, unconnected_gradients=zero)
            gradients = {f"gradient.{name}": gradient for name, gradient in gradients.items()}
            return {**scores._asdict(), **gradients}

        score, _ = _program(
            "log_prob", log_prob, {**simulate.results, **specs}, parameters, num_users
        )
    return {"rollout": simulate, "log_prob": score}


def _program(
    name: str,
    function: Callable[[dict[str, tf.Tensor]], Nest],
    arguments: dict[str, tf.TensorSpec],
    values: Mapping[str, np.ndarray],
    num_users: int,
) -> tuple[SimulatorProgram, Nest]:
    """The program of a function of tensors by name, and the structure of its result."""
    traced: Any = compiled(
        lambda *leaves: function(dict(zip(arguments, leaves, strict=True))), jit_compile=True
    )
    # Errors of a model or of the policy are raised here, as they are.
    concrete = traced.get_concrete_function(*arguments.values())
    program = stablehlo.export(traced, list(arguments.values()), name, num_users)
    if program.updates:
        raise ValueError(f"{name} must not change variables, got a policy or a model that does")
    inputs = program.argument_dtypes[len(arguments) :]
    captured = {
        f"{name}.constant.{number}": _value(tensor, dtype)
        for number, (tensor, dtype) in enumerate(zip(concrete.captured_inputs, inputs, strict=True))
    }
    results = {path: _spec(leaf) for path, leaf in nests.leaves("", concrete.structured_outputs)}
    given = {path: values[path] for path in arguments if path in values}
    constants = {path: _spec(value) for path, value in captured.items()}
    arguments = arguments | constants
    return (
        SimulatorProgram(program.text, arguments, results, given | captured),
        concrete.structured_outputs,
    )


def _value(tensor: tf.Tensor, dtype: tf.DType) -> np.ndarray:
    """The value of a tensor, or of the variable of a handle."""
    if tensor.dtype == tf.resource:
        tensor = tf.raw_ops.ReadVariableOp(resource=tensor, dtype=dtype)
    return tensor.numpy()


def _parameters(simulator: Any) -> dict[str, np.ndarray]:
    """The numbers of the parameters, floats in the dtype of the users."""
    values = {}
    for name, value in simulator.parameters().items():
        array = np.asarray(tf.convert_to_tensor(value))
        is_float = array.dtype.kind == "f"
        values[name] = array.astype(simulator.users.dtype.as_numpy_dtype) if is_float else array
    return values


def _spec(value: Any) -> tf.TensorSpec:
    return tf.TensorSpec(value.shape, value.dtype)


def _described(specs: Mapping[str, tf.TensorSpec]) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": spec.shape.as_list(), "dtype": spec.dtype.name}
        for name, spec in specs.items()
    ]


def _file(name: str) -> str:
    return f"{name}.mlir"
