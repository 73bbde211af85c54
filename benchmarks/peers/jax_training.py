# SPDX-License-Identifier: Apache-2.0
"""The command line of trainings in JAX, shared by `jax_slateq.py` and `jax_reinforce.py`."""

import argparse
import functools
import json
import platform
import sys
from collections.abc import Callable, Mapping
from typing import Any

import interest_evolution as evolution
import learning_clock

try:
    import flax
    import jax
    import optax
except ImportError as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(evolution.MISSING)


def main(
    description: str, styles: Mapping[str, type], exported: Callable[[str], Any] | None = None
) -> None:
    """Trains an agent of the style that the command line names, or where `exported` makes an agent
    of the folder of an exported environment, that agent. Prints one line of JSON, see
    `learning_clock.py`.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", choices=list(styles), default="idiomatic")
    parser.add_argument("--seed", type=int, default=0)
    if exported is not None:
        parser.add_argument("--environment", help="the folder of an exported environment")
    parser.add_argument("--users", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=20, help="sequences of a train step of SlateQ")
    learning_clock.add_arguments(parser)
    arguments = parser.parse_args()
    folder = getattr(arguments, "environment", None)
    make: Any = styles[arguments.style] if folder is None else functools.partial(exported, folder)
    agent = make()
    key = jax.random.key(arguments.seed)
    start = jax.jit(
        agent.start, static_argnames="num_users", compiler_options=agent.compiler_options
    )
    iterate = _repeated(functools.partial(agent.iterate, arguments.batch))
    mean_return = jax.jit(agent.evaluate, static_argnames="num_sessions")
    training: Any = None

    def advance(number):
        nonlocal training
        if training is None:
            training = start(key, num_users=arguments.users)
            if agent.warm_up:
                training = _repeated(agent.collect)(training, agent.warm_up)
        training = jax.block_until_ready(iterate(training, number))
        return number * arguments.users * agent.steps_per_iteration

    def evaluate(num_sessions):
        evaluation_key = jax.random.fold_in(key, 1)
        return float(mean_return(training.served, evaluation_key, num_sessions=num_sessions))

    result = learning_clock.measure(learning_clock.Plan.of(arguments), advance, evaluate)
    versions = {library.__name__: library.__version__ for library in (jax, flax, optax)}
    versions |= {"python": platform.python_version()}
    print(json.dumps({"style": arguments.style, **result, "versions": versions}))


def _repeated(function):
    """A compiled function (training, number) -> training that repeats a function of a training."""

    @functools.partial(jax.jit, donate_argnums=0)
    def repeat(training, number):
        return jax.lax.fori_loop(0, number, lambda _, training: function(training), training)

    return repeat
