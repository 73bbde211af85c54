"""What memory is worth: recurrent policies in engagement bait, whose users are hidden, and SlateQ
with a memory in interest exploration.
"""

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import processes
import tensorflow as tf
import training_runs
from sections import Section, Settings, section, standard_error

from recsim_tf.adapters.tf_agents import SlateEnvironment, rollout_policy
from recsim_tf.agents.reinforce import (
    PolicyGradient,
    ReinforceSlateAgent,
    SlatePolicyNetwork,
    TwoTowers,
)
from recsim_tf.agents.shared.learning import Learning
from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.shared.returns import LambdaReturns
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.engagement_bait import BaitVideos, engagement_bait
from recsim_tf.experiment.training.loop import Iteration, LearningLoop

# RecSim NG's demonstration trains as many iterations, of 1,000 users, in 64 to 70 CPU s.
_SHORT = {
    "num_users": 300,
    "num_iterations": 100,
    "num_steps": 100,
    "memory_units": 32,
    "learning_rate": 0.01,
    "entropy_regularization": 0.001,
    "anneals": True,
    "evaluation_users": 4000,
    "xla": True,
}
_LONG = {
    **_SHORT,
    "num_users": 1000,
    "num_iterations": 300,
    "entropy_regularization": 0.004,
}
# One distribution of slates for everybody, trained as long, with its own best rates.
_CONTROL = {
    "memory_units": 0,
    "learning_rate": 0.05,
    "entropy_regularization": 0.001,
    "anneals": False,
}
_QUICK = {"num_users": 4, "num_iterations": 2, "num_steps": 3, "evaluation_users": 4, "xla": False}
_NUM_SEEDS = 3
_SLATE_Q = training_runs.Row("interest_exploration/slate_q_memory.gin")
# Of UCB1 in interest exploration, by `recsim_agents.py`.
_UCB1 = 318.8


def measure(settings: Settings) -> Section:
    seeds = range(1 if settings.quick else _NUM_SEEDS)

    def trained(task, catalogue=0):
        """The mean over three seeds of learning."""
        quick = _QUICK if settings.quick else {}
        found = [
            processes.run_worker(
                __name__,
                {**task, "catalogue": catalogue, "seed": settings.seed + seed, **quick},
                True,
            )
            for seed in seeds
        ]
        times = [run["time"] for run in found]
        return {
            "time": float(np.mean(times)),
            "time_se": standard_error(times) if len(times) > 1 else found[0]["time_se"],
            "seconds": float(np.mean([run["seconds"] for run in found])),
            "seeds": found,
        }

    runs = {f"gru_{catalogue}": trained(_SHORT, catalogue) for catalogue in range(3)}
    runs |= {
        "control_0": trained({**_SHORT, **_CONTROL}),
        "gru_300": trained(_LONG),
        "control": trained({**_LONG, **_CONTROL}),
    }
    with tempfile.TemporaryDirectory() as scratch:
        slate_q = training_runs.run(
            Path(scratch) / "slate_q",
            _SLATE_Q,
            settings.seed,
            settings.quick,
            ("train.warmup_iterations=45", "Iteration.replay_length=45"),
        )
    short = [runs[f"gru_{catalogue}"]["seconds"] for catalogue in range(3)]
    figures = {f"memory.{name}": run["time"] for name, run in runs.items()}
    figures |= {f"memory.{name}_se": run["time_se"] for name, run in runs.items()}
    figures |= {
        "memory.seconds": max(short),
        "memory.slate_q_memory": slate_q["mean_return"],
        "memory.slate_q_memory_se": slate_q["standard_error"],
    }
    bars = {
        **dict.fromkeys(("memory.gru_0", "memory.gru_1", "memory.gru_2"), (78.0, np.inf)),
        "memory.seconds": (0.0, 40.0),
        "memory.gru_300": (84.0, np.inf),
        "memory.slate_q_memory": (_UCB1, np.inf),
    }
    title = "EngagementBait-v0, time watched in 100 steps, and SlateQ in interest exploration"
    rows = [("policy", "return", "CPU s")]
    for name, run in runs.items():
        rows.append((name, f"{run['time']:.2f} ± {run['time_se']:.2f}", f"{run['seconds']:.1f}"))
    shown = f"{slate_q['mean_return']:.1f} ± {slate_q['standard_error']:.1f}"
    rows.append(("SlateQ with a memory", shown, ""))
    return section(settings, title, rows, figures, bars, details={"runs": runs})


class Task(NamedTuple):
    """What one process measures."""

    catalogue: int  # seed of the videos
    seed: int
    num_users: int
    num_iterations: int
    num_steps: int  # of a session
    memory_units: int  # 0 for one distribution of slates for everybody
    learning_rate: float
    entropy_regularization: float
    anneals: bool  # whether both decline to a twentieth
    evaluation_users: int
    xla: bool


def timed(task: Task) -> dict[str, float]:
    simulator = engagement_bait(documents=BaitVideos(seed=task.catalogue), max_steps=task.num_steps)
    begun = time.process_time()
    tf.keras.utils.set_random_seed(task.seed)
    environment = SlateEnvironment(simulator, task.num_users, task.seed)
    agent = _agent(environment, task)
    # An iteration is a session of every user, and the frame that follows it.
    length = task.num_steps + 1
    loop = LearningLoop(
        environment,
        agent,
        Iteration(None, length, collect_steps=length, jit_compile=task.xla),
        task.seed,
    )
    float(loop.run(task.num_iterations).loss)
    seconds = time.process_time() - begun
    times = _times(simulator, rollout_policy(agent.policy), task)
    return {
        "time": float(times.mean()),
        "time_se": float(times.std(ddof=1) / len(times) ** 0.5),
        "seconds": seconds,
    }


def _agent(environment: SlateEnvironment, task: Task) -> ReinforceSlateAgent:
    memory = Memory(task.memory_units) if task.memory_units else None
    schedules = tf.keras.optimizers.schedules
    rate, entropy = task.learning_rate, task.entropy_regularization
    if task.anneals:
        rate = schedules.CosineDecay(rate, task.num_iterations, alpha=0.05)
        steps = max(5 * task.num_iterations // 6, 1)
        entropy = schedules.PolynomialDecay(entropy, steps, entropy / 20)
    agent = ReinforceSlateAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        SlatePolicyNetwork(environment.observation_spec(), 2, (), memory, TwoTowers),
        None,
        Learning(
            tf.keras.optimizers.Adam(rate),
            gradient_clipping=1.0,
            train_step_counter=tf.Variable(0, dtype=tf.int64),
        ),
        PolicyGradient(LambdaReturns(num_steps=task.num_steps), entropy_regularization=entropy),
        seed=task.seed,
    )
    agent.initialize()
    return agent


def _times(simulator, policy, task: Task):
    """Time watched in a session [B], of users whom the policy did not learn from."""

    @compiled(jit_compile=task.xla)
    def run(seed):
        return simulator.fold(
            policy,
            task.evaluation_users,
            task.num_steps,
            seed,
            lambda total, transition: total + transition.reward,
            tf.zeros([task.evaluation_users]),
        )

    return run(random.as_seed(1000 + task.seed)).numpy()
