"""An agent in training, timed, in a process of `benchmarks/worker.py`."""

import time
from typing import NamedTuple

import gin
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q import FullSlateQNetwork, create_full_slate_q
from recsim_tf.agents.slate_q import SlateQNetwork, create_slate_q
from recsim_tf.agents.tabular_q import create_tabular_q
from recsim_tf.experiment.training.loop import LearningLoop
from tests.experiment.training.driver_learning import DriverLearningLoop


class Task(NamedTuple):
    """What one process measures."""

    agent: str  # "slate_q", "tabular_q" or "full_slate_q"
    hidden_units: list[int]  # of the network, if the agent has one
    environment: str
    users: int
    slate_size: int
    num_candidates: int
    replayed: int  # transitions for each environment step
    replay_length: int  # steps of each user, besides those of a sequence
    iterations: int  # of one call
    cpu_seconds: float  # timed calls go on so long
    num_steps: int = 1  # transitions of a sequence that the agent learns from
    bindings: tuple[str, ...] = ()  # gin bindings of the agent
    # the loop: "direct", "xla" or, with TF-Agents' driver and replay buffer, "driver"
    engine: str = "direct"


def create_agent(task: Task, environment: SlateEnvironment):
    """The agent with its defaults."""
    train_step = tf.Variable(0, dtype=tf.int64)
    if task.agent == "slate_q":
        return create_slate_q(
            environment, train_step, lambda spec: SlateQNetwork(spec, task.hidden_units)
        )
    if task.agent == "tabular_q":
        return create_tabular_q(environment, train_step)
    return create_full_slate_q(
        environment,
        train_step,
        lambda spec, slate_size: FullSlateQNetwork(spec, slate_size, task.hidden_units),
    )


def measure(task: Task) -> dict[str, float]:
    """Rates of training, after a first call that compiles."""
    gin.parse_config(
        [
            *task.bindings,
            *([f"SlateQTargets.num_steps = {task.num_steps}"] if task.agent == "slate_q" else []),
        ]
    )
    simulator = recsim_tf.make(
        task.environment, slate_size=task.slate_size, num_candidates=task.num_candidates
    )
    environment = SlateEnvironment(simulator, task.users, validate=False)
    agent = create_agent(task, environment)
    agent.initialize()
    sequences = max(task.replayed * task.users // task.num_steps, 1)
    arguments = (environment, agent, sequences, task.replay_length + task.num_steps, 1, 0)
    loop = (
        DriverLearningLoop(*arguments)
        if task.engine == "driver"
        else LearningLoop(*arguments, jit_compile=task.engine == "xla")
    )
    started = time.perf_counter()
    loop.collect(task.replay_length + task.num_steps)
    loop.run(1)
    first_call, calls = time.perf_counter() - started, 0
    cpu, wall = time.process_time(), time.perf_counter()
    while calls == 0 or time.process_time() - cpu < task.cpu_seconds:
        calls += 1
        loss = float(loop.run(task.iterations).loss)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    steps = calls * task.iterations * task.users
    return {
        "steps_per_cpu_second": steps / cpu,
        "steps_per_wall_second": steps / wall,
        "train_steps_per_cpu_second": calls * task.iterations / cpu,
        "first_call_seconds": first_call,
        "steps": steps,
        "loss": loss,
    }
