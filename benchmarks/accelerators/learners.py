# SPDX-License-Identifier: Apache-2.0
"""Agents in training, as StableHLO: collection, train steps and whole learning iterations."""

from collections.abc import Collection
from typing import Any

import gin
import numpy as np
import tensorflow as tf
from accelerators.folder import Folder
from tensorflow.types.experimental import ConcreteFunction

from recsim_tf.core.runs import stablehlo
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.targets import for_accelerators
from recsim_tf.experiment import config
from recsim_tf.training import Training
from recsim_tf.training.loop import LearningLoop

ROLES = "collect", "train", "learn"
_GIN_FILES = {"SlateQ": "quickstart.gin", "REINFORCE": "interest_evolution/reinforce.gin"}
AGENTS = tuple(_GIN_FILES)
_QUICK = (
    "experiment.num_users = 8",
    "Iteration.replay_length = 6",
    "SlateQTargets.num_steps = 3",
    "LambdaReturns.num_steps = 3",
)
_QUICK_OF = {
    "SlateQ": ("Iteration.batch_size = 4",),
    "REINFORCE": ("Iteration.collect_steps = 3",),
}
# Iterations that are compared with TensorFlow's. Rounding differs between devices, and more and
# more of what is learned with it.
_COMPARED = 3


def export(folder: Folder, quick: bool) -> list[dict[str, Any]]:
    """Writes programs of each agent; what the index says of each.

    The programs of an agent share variables. Each takes first how often it repeats, int32, and then
    the variables that it names in "variables"; "updates" has pairs (variable, number of the result
    that is its new value). Those that begin with zeros are not in the file of arrays.
    """
    return [_export(folder, name, quick) for name in AGENTS]


def _export(folder: Folder, name: str, quick: bool) -> dict[str, Any]:
    with for_accelerators():
        loop = _loop(name, quick)
        variables, programs, number = _Variables(loop), {}, tf.constant(1)
        for role, function in _functions(loop).items():
            program = stablehlo.export(function, [number], f"{name}_{role}")
            used = variables.of(function.get_concrete_function(number))
            programs[role] = {
                "program": folder.add_program(f"{name}_{role}", program),
                "variables": used,
                "updates": [(used[place - 1], output) for place, output in program.updates],
            }
        values = variables.values()
        warm_up = loop.agent.train_sequence_length + 10
        loop.collect(warm_up)
        loss = loop.run(_COMPARED).loss
    return {
        "name": name,
        "user_steps_per_iteration": loop.user_steps_per_iteration,
        "warm_up": warm_up,
        "compared": _COMPARED,
        "variables": [(list(value.shape), value.dtype.name) for value in values],
        "arrays": folder.add_arrays(
            name, {str(number): value for number, value in enumerate(values) if np.any(value)}
        ),
        "programs": programs,
        "expected": {"loss": float(loss)},
    }


def texts(name: str, roles: Collection[str], quick: bool) -> dict[str, str]:
    """Some programs of an agent alone, by role."""
    with for_accelerators():
        functions = _functions(_loop(name, quick))
        return {
            role: stablehlo.export(functions[role], [tf.constant(1)], f"{name}_{role}").text
            for role in roles
        }


def _loop(name: str, quick: bool) -> LearningLoop:
    bindings = ("Iteration.jit_compile = True", *(_QUICK + _QUICK_OF[name] if quick else ()))
    gin.clear_config()
    config.load([_GIN_FILES[name]], bindings)
    return Training().loop


def _functions(loop: LearningLoop) -> dict[str, Any]:
    """The compiled functions of an agent by role."""
    functions = loop.collect_function, _train_steps(loop), loop.run_function
    return dict(zip(ROLES, functions, strict=True))


def _train_steps(loop: LearningLoop):
    """A compiled function of a number of train steps, int32 [] -> the last loss, without collection
    between them.
    """

    @compiled(jit_compile=True)
    def train(number):
        return tf.while_loop(
            lambda i, _: i < number,
            lambda i, _: (i + 1, loop.train_step().loss),
            (0, tf.zeros([])),
            parallel_iterations=1,
        )[1]

    return train


class _Variables:
    """The variables and constants that programs share, by number.

    Args:
      module: a module with variables that functions do not list.
    """

    def __init__(self, module: tf.Module):
        self._module = module
        self._numbers: dict[int, int] = {}
        self._shared: list[tf.Variable | tf.Tensor] = []

    def of(self, function: ConcreteFunction) -> list[int]:
        """The numbers of the variables that a function reads, in the order of its inputs."""
        # A function does not list all that the functions within it read.
        by_handle = {
            id(variable.handle): variable
            for variable in (*function.variables, *self._module.variables)
        }
        return [
            self._number(by_handle.get(id(captured), captured))
            for captured in function.captured_inputs
        ]

    def values(self) -> list[np.ndarray]:
        """The present values of all variables."""
        return [variable.numpy() for variable in self._shared]

    def _number(self, variable) -> int:
        if id(variable) not in self._numbers:
            self._numbers[id(variable)] = len(self._shared)
            self._shared.append(variable)
        return self._numbers[id(variable)]
