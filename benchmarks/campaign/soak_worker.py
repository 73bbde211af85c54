"""An environment that is simulated for long under random slates, in a process of
`benchmarks/worker.py`.
"""

import resource
import sys
from typing import Any, NamedTuple

import tensorflow as tf

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies import random_policy


class Task(NamedTuple):
    """What one process simulates."""

    environment: str
    slate_size: int
    num_candidates: int
    user_steps: int  # in all, at least
    num_users: int
    num_steps: int  # of a piece
    xla: bool


def measure(task: Task) -> dict[str, Any]:
    """Numbers that are not finite among states, draws, responses and rewards of all steps, and
    among log-probabilities of a few sessions a piece; and the growth of the resident memory.
    """
    simulator = recsim_tf.make(
        task.environment,
        slate_size=task.slate_size,
        num_candidates=task.num_candidates,
        # One world, of however many users are simulated.
        users_per_world=None,
    )
    simulate = _piece(simulator, task)
    score = compiled(lambda seed: _not_finite(_log_probs(simulator, seed)))
    pieces = -(-task.user_steps // (task.num_users * task.num_steps))
    state, not_finite, memory = simulator.reset(task.num_users, seed=0), 0, []
    for piece in range(pieces):
        state, found = simulate(state, random.as_seed(piece))
        not_finite += int(found) + int(score(random.as_seed(piece)))
        memory.append(_resident_bytes())
    return {
        "user_steps": pieces * task.num_users * task.num_steps,
        "not_finite": not_finite,
        "resident_bytes": memory,
    }


def _piece(simulator: Simulator, task: Task):
    """A compiled function, (state, seed) -> (state, numbers that are not finite)."""
    policy = random_policy(simulator)

    @compiled(jit_compile=task.xla)
    def simulate(state, seed):
        def body(state, seed, not_finite):
            seed, policy_seed, step_seed, new_seed = random.split_seed(seed, 4)
            slate, _ = policy(simulator.observe(state), (), policy_seed)
            state, transition = simulator.step(state, slate, step_seed)
            not_finite += _not_finite((state, transition))
            return simulator.replace(state, state.done, new_seed), seed, not_finite

        state, _, not_finite = tf.while_loop(
            lambda *_: True,
            body,
            (state, seed, tf.constant(0, tf.int32)),
            parallel_iterations=1,
            maximum_iterations=task.num_steps,
        )
        return state, not_finite

    return simulate


def _log_probs(simulator: Simulator, seed):
    return simulator.log_prob(simulator.rollout(random_policy(simulator), 64, 32, seed))


def _not_finite(nest) -> tf.Tensor:
    """How many of the floats of a nest are NaN or infinite."""
    counts = [
        tf.reduce_sum(tf.cast(~tf.math.is_finite(leaf), tf.int32))
        for leaf in tf.nest.flatten(nest)
        if leaf.dtype.is_floating
    ]
    return tf.add_n(counts)


def _resident_bytes() -> int:
    """The memory that this process holds now; where the system does not tell, its most so far."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
