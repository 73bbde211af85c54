# SPDX-License-Identifier: Apache-2.0
"""TF-Agents' check of environments, its random driver, and its DQN and PPO in training."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from judging.verdicts import Settings, Verdict, attempts, judge

import recsim_tf

_NUM_USERS = 8


@judge("TF-Agents validate_py_environment, driver", "tf-agents")
def validate(settings: Settings) -> Verdict:
    # This import asks for gym, unless `recsim_tf.agents` was imported earlier.
    from tf_agents.environments import utils  # isort: skip
    from tf_agents.policies import random_tf_policy

    def attempt(name: str) -> None:
        users = _users(name)
        utils.validate_py_environment(_as_py_environment(users), 1 if settings.quick else 5)
        spec = users.time_step_spec(), users.action_spec()
        frames = _driver(users, random_tf_policy.RandomTFPolicy(*spec), 10)()
        if frames.reward.shape != [_NUM_USERS, 10]:
            raise ValueError(f"the driver has made rewards of shape {frames.reward.shape}")

    names = recsim_tf.registered()[: 1 if settings.quick else None]
    passed, faults = attempts(names, attempt)
    said = f"{passed} of {len(names)} environments are valid, and go with the random driver"
    return Verdict(said, {"judges.tf_agents": passed}, faults)


@judge("TF-Agents DQN and PPO", "tf-agents")
def train(settings: Settings) -> Verdict:
    from tf_agents.environments import tf_py_environment
    from tf_agents.utils import common

    makers = {"DQN": _dqn, "PPO": _ppo}

    def attempt(name: str) -> None:
        users = _as_py_environment(_users("InterestEvolution-v1", slate_size=1))
        users = tf_py_environment.TFPyEnvironment(users)
        agent = makers[name](users)
        agent.initialize()
        learn = common.function(agent.train)
        before = [variable.numpy() for variable in agent.policy.trainable_variables]
        drive = _driver(users, agent.collect_policy, agent.train_sequence_length or 16)
        for _ in range(2 if settings.quick else 10):
            loss = learn(drive()).loss
        if not np.isfinite(loss):
            raise ValueError(f"the loss is {loss}")
        after = agent.policy.trainable_variables
        if all(np.array_equal(old, new) for old, new in zip(before, after, strict=True)):
            raise ValueError("no weight has changed")

    trained, faults = attempts(list(makers), attempt)
    said = f"{trained} of {len(makers)} train on one item: {', '.join(makers)}"
    return Verdict(said, {"judges.agents_trained": trained}, faults)


def _users(name: str, **arguments: Any):
    """Users as an environment of TF-Agents. Its random policies show an item twice."""
    from recsim_tf.adapters.tf_agents import SlateEnvironment

    # Any number of users are one world.
    arguments |= {"allow_duplicates": True, "users_per_world": None}
    simulator = recsim_tf.make(name, **arguments)
    return SlateEnvironment(simulator, _NUM_USERS)


def _as_py_environment(users: Any):
    """The same users as an environment of NumPy arrays. The action of one item is a number."""
    from tf_agents.environments import py_environment
    from tf_agents.specs import array_spec, tensor_spec
    from tf_agents.utils import common

    spec = tensor_spec.to_nest_array_spec(users.action_spec())
    one_item = getattr(spec, "shape", None) == (1,)
    reset, step = common.function(users.reset), common.function(users.step)

    class PyUsers(py_environment.PyEnvironment):
        batched, batch_size = True, users.batch_size

        def observation_spec(self):
            return tensor_spec.to_nest_array_spec(users.observation_spec())

        def action_spec(self):
            return (
                array_spec.BoundedArraySpec((), spec.dtype, 0, spec.maximum) if one_item else spec
            )

        def _reset(self):
            return tf.nest.map_structure(np.asarray, reset())

        def _step(self, action):
            action = np.expand_dims(action, 1) if one_item else action
            return tf.nest.map_structure(np.asarray, step(action))

    return PyUsers()


def _driver(users: Any, policy: Any, num_steps: int) -> Callable:
    """A function that returns the frames [B, T] of steps with TF-Agents' driver."""
    from tf_agents.drivers import dynamic_step_driver
    from tf_agents.replay_buffers import tf_uniform_replay_buffer
    from tf_agents.utils import common

    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        policy.trajectory_spec, users.batch_size, num_steps
    )
    driver = dynamic_step_driver.DynamicStepDriver(
        users, policy, [replay.add_batch], num_steps=num_steps * users.batch_size
    )
    run = common.function(driver.run)

    def drive():
        run()
        steps = replay.as_dataset(single_deterministic_pass=True, num_steps=num_steps)
        frames = [frame for frame, _ in steps]
        return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *frames)

    return drive


def _network(users: Any) -> dict[str, Any]:
    """The arguments by which a network of TF-Agents reads nested observations."""

    def flat(spec: tf.TensorSpec):
        return tf.keras.layers.Lambda(
            lambda leaf: tf.reshape(tf.cast(leaf, tf.float32), [-1, spec.shape.num_elements()])
        )

    layers = tf.nest.map_structure(flat, users.observation_spec())
    return {
        "preprocessing_layers": layers,
        "preprocessing_combiner": tf.keras.layers.Concatenate(),
        "fc_layer_params": (32,),
    }


def _dqn(users: Any):
    from tf_agents.agents.dqn import dqn_agent
    from tf_agents.networks import q_network

    network = q_network.QNetwork(users.observation_spec(), users.action_spec(), **_network(users))
    return dqn_agent.DqnAgent(
        users.time_step_spec(), users.action_spec(), network, tf.keras.optimizers.Adam(1e-3)
    )


def _ppo(users: Any):
    from tf_agents.agents.ppo import ppo_clip_agent
    from tf_agents.networks import actor_distribution_network, value_network

    return ppo_clip_agent.PPOClipAgent(
        users.time_step_spec(),
        users.action_spec(),
        tf.keras.optimizers.Adam(1e-3),
        actor_net=actor_distribution_network.ActorDistributionNetwork(
            users.observation_spec(), users.action_spec(), **_network(users)
        ),
        value_net=value_network.ValueNetwork(users.observation_spec(), **_network(users)),
        num_epochs=2,
        normalize_observations=False,
    )
