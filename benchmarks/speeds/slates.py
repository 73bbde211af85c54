# SPDX-License-Identifier: Apache-2.0
"""The exact slate optimiser against a top-K alone, on a shared catalogue."""

from typing import Any, NamedTuple

import numpy as np
import processes
import tensorflow as tf
from sections import Section, Settings, section
from speeds.common import MODES, medians, seconds_of_turns

from recsim_tf.core.runs.execution import compiled
from recsim_tf.policies.slates import exact_slate, slate_advantage, top_k_slate

_SIZES = {
    False: {"users": 1024, "num_candidates": 10_000, "slate_size": 10, "calls": 9},
    True: {"users": 2, "num_candidates": 20, "slate_size": 3, "calls": 1},
}
_DOCUMENTS = ("one_hot", "dense")
_NUM_TOPICS = 20
# RecSim 0.2.4: scores from -1, and a no-click mass of 1 that is shifted with them.
_MIN_SCORE, _NO_CLICK_WEIGHT = -1.0, 2.0


def measure(settings: Settings) -> Section:
    """`exact_vs_topk` is the larger over the kinds of documents, of the execution in which the
    exact slates take less time.
    """
    sizes = _SIZES[settings.quick]
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    rows = [("documents", "mode", "exact, ms", "top-K, ms", "ratio", "rounds")]
    ratios = []
    for documents in _DOCUMENTS:
        times = {}
        for mode, xla in MODES.items():
            task = {**sizes, "documents": documents, "xla": xla}
            times[mode] = processes.run_worker(__name__, task, True)
            exact, top_k = (
                1e3 * times[mode][f"{name}_cpu_seconds_per_call"] for name in ("exact", "top_k")
            )
            figures[f"exact_vs_topk/{documents}/{mode}"] = exact / top_k
            ratio, rounds = f"{exact / top_k:.2f}", f"{times[mode]['mean_rounds']:.1f}"
            rows.append((documents, mode, f"{exact:.1f}", f"{top_k:.1f}", ratio, rounds))
        details[documents] = times
        fastest = min(times, key=lambda mode: times[mode]["exact_cpu_seconds_per_call"])
        ratios.append(figures[f"exact_vs_topk/{documents}/{fastest}"])
    figures["exact_vs_topk"] = max(ratios)
    title = (
        f"Exact slates against top-K alone, {sizes['slate_size']} of"
        f" {sizes['num_candidates']:,}, {sizes['users']:,} users, one core"
    )
    bars = {"exact_vs_topk": (0, 7)}
    return section(settings, title, rows, figures, bars, details=details, left=(0, 1))


class Task(NamedTuple):
    """The task of a process that measures."""

    users: int
    num_candidates: int
    slate_size: int
    documents: str  # "one_hot": a topic each; "dense": of length 1 in any direction
    xla: bool
    calls: int  # of each optimiser, in turns


class Problem(NamedTuple):
    """Inputs of a slate optimiser."""

    weights: tf.Tensor  # [B, N]
    no_click_weight: tf.Tensor  # [B]
    advantages: tf.Tensor  # [B, N]


def problem(task: Task) -> Problem:
    """Users with uniform interests who all have the same candidates."""
    rng = np.random.default_rng(0)
    interests = rng.uniform(-1, 1, [task.users, _NUM_TOPICS])
    if task.documents == "one_hot":
        documents = np.eye(_NUM_TOPICS)[rng.integers(_NUM_TOPICS, size=task.num_candidates)]
    else:
        documents = rng.normal(size=[task.num_candidates, _NUM_TOPICS])
        documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    weights = np.maximum(interests @ documents.T - _MIN_SCORE, 0)
    advantages = rng.normal(size=weights.shape)
    values = (weights, np.full([task.users], _NO_CLICK_WEIGHT), advantages)
    return Problem(*(tf.constant(value, tf.float32) for value in values))


def rounds(inputs: Problem, slate_size: int) -> np.ndarray:
    """Rounds over all candidates that Dinkelbach's plain iteration takes, the one that confirms the
    slate included, int [B].
    """

    def solve(guess):
        advantages = inputs.advantages - guess[:, tf.newaxis]
        return slate_advantage(
            *inputs, top_k_slate(inputs.weights, inputs.no_click_weight, advantages, slate_size)
        ).numpy()

    value = solve(tf.zeros_like(inputs.no_click_weight))
    rising = np.ones(len(value), bool)
    taken = rising.astype(int)
    while rising.any():
        taken += rising
        improved = solve(value)
        rising &= improved > value
        value = np.maximum(value, improved)
    return taken


def timed(task: Task) -> dict[str, Any]:
    """CPU time of the exact slate, to convergence, and of the top-K."""
    inputs = problem(task)
    optimizers = {"exact": exact_slate, "top_k": top_k_slate}
    # The optimiser is a default argument, as a closure would see the last one.
    functions = {
        name: compiled(
            lambda *values, optimizer=optimizer: optimizer(*values, task.slate_size),
            jit_compile=task.xla,
        )
        for name, optimizer in optimizers.items()
    }
    calls = {
        name: lambda turn, function=function: function(*inputs).numpy()
        for name, function in functions.items()
    }
    exact, top_k = medians(seconds_of_turns(calls, 0.0, task.calls), "exact", "top_k")
    taken = rounds(inputs, task.slate_size)
    return {
        **task._asdict(),
        "mean_rounds": float(taken.mean()),
        "max_rounds": int(taken.max()),
        "exact_cpu_seconds_per_call": exact,
        "top_k_cpu_seconds_per_call": top_k,
        "exact_vs_top_k": exact / top_k,
    }
