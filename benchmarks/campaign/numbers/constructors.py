"""Numbers that public classes and functions take, found in their signatures."""

import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any

import gin
from campaign.numbers import values
from campaign.numbers.outcomes import Case
from campaign.numbers.subjects import SUBJECTS

# Names in gin files come with it.
import recsim_tf.experiment.config  # noqa: F401
from recsim_tf.core.parameters import Model

# What the campaign's other sections give bad values to: commands, and readers of files.
ELSEWHERE = {
    "devices",
    "from_table",
    "movielens_items",
    "movielens_users",
    "page_log",
    "read_episode_log",
    "read_movielens",
    "read_open_bandit",
    "run_fit",
    "simulate",
    "sweep",
    "trained_weights",
}
# Where nothing, or none, is a number of things like another.
_MAY_BE_ZERO = {"warmup_steps", "cluster_id"}


def cases(name: str) -> Iterator[Case]:
    """Of the subject of that name."""
    for argument, kind, takes_functions in numeric_arguments(SUBJECTS[name].function):
        for hostile in kind:
            if hostile.fault in SUBJECTS[name].without:
                continue
            if hostile.fault == "function" and takes_functions:
                continue
            if hostile.fault == "zero" and argument in _MAY_BE_ZERO:
                continue
            yield Case(
                name,
                argument,
                hostile.fault,
                hostile.is_never_right,
                repr(hostile.value),
                functools.partial(_use, name, argument, hostile.value),
            )


def numeric_arguments(
    function: Callable[..., Any],
) -> Iterator[tuple[str, Iterator[values.Hostile], bool]]:
    """Name and impossible values of each argument that is a number, or sizes, and whether it may be
    a function.
    """
    called = function.__init__ if inspect.isclass(function) else function
    hints = typing.get_type_hints(called)
    for argument, parameter in inspect.signature(function).parameters.items():
        hint = hints.get(argument, parameter.annotation)
        words = str(hint) if typing.get_args(hint) else getattr(hint, "__name__", str(hint))
        default = parameter.default
        may_be_none = default is None or "None" in words
        if argument in ("seed", "position_seed"):
            kind = values.for_seed()
        elif isinstance(default, tuple) and default and isinstance(default[0], int):
            kind = values.for_sizes()
        elif "float" in words or isinstance(default, float) or argument == "temperature":
            kind = values.for_one_number(default, may_be_none)
        elif words.startswith("int") or type(default) is int:
            kind = values.for_size(may_be_none)
        else:
            continue
        yield argument, kind, "Callable" in words


def _use(name: str, argument: str, value: Any) -> Any:
    subject = SUBJECTS[name]
    made = subject.function(**{**subject.arguments(), argument: value})
    return subject.use(made)


def missing() -> list[str]:
    """Names in gin files of what takes numbers, and is neither here, nor a model, nor elsewhere."""
    found = []
    for selector, configurable in gin.config._REGISTRY.items():
        function = configurable.wrapped
        name = selector.rpartition(".")[2]
        is_ours = function.__module__.startswith("recsim_tf")
        is_model = inspect.isclass(function) and issubclass(function, Model)
        # What makes an environment hands its numbers on to the simulator.
        is_model |= ".environments." in function.__module__
        known = name in SUBJECTS or name in ELSEWHERE or is_model
        if is_ours and not known and any(True for _ in numeric_arguments(function)):
            found.append(name)
    return sorted(found)
