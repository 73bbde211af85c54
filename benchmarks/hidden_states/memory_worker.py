"""The training of a policy in engagement bait, in a process of `benchmarks/worker.py`."""

import time
from typing import NamedTuple

import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment, rollout_policy
from recsim_tf.agents.reinforce import ReinforceSlateAgent, TwoTowerPolicyNetwork
from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.shared.returns import LambdaReturns
from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.environments.engagement_bait import BaitVideos, engagement_bait
from recsim_tf.experiment.training.loop import LearningLoop


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


def measure(task: Task) -> dict[str, float]:
    simulator = engagement_bait(documents=BaitVideos(seed=task.catalogue), max_steps=task.num_steps)
    begun = time.process_time()
    tf.keras.utils.set_random_seed(task.seed)
    environment = SlateEnvironment(simulator, task.num_users, task.seed)
    agent = _agent(environment, task)
    # An iteration is a session of every user, and the frame that follows it.
    length = task.num_steps + 1
    loop = LearningLoop(environment, agent, None, length, 1, task.seed, length, task.xla)
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
        TwoTowerPolicyNetwork(environment.observation_spec(), 2, memory=memory),
        None,
        tf.keras.optimizers.Adam(rate),
        LambdaReturns(num_steps=task.num_steps),
        entropy_regularization=entropy,
        gradient_clipping=1.0,
        seed=task.seed,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
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
