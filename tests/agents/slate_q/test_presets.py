# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q import FullSlateQNetwork, create_full_slate_q
from recsim_tf.agents.slate_q import PRESETS, SlateQAgent, SlateQNetwork, create_slate_q
from recsim_tf.agents.slate_q.losses import SlateValues
from recsim_tf.agents.slate_q.targets import preset_arguments
from recsim_tf.core.base.types import Observation
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.experiment import config
from recsim_tf.policies.choice_scores import AffinityScores
from recsim_tf.policies.slates import slate_optimizer
from tests import golden

# RecSim 0.2.4's names: slate optimiser, target, slate optimiser in the target, and whether it is
# myopic.
RECSIM = {
    "dp_random": ("greedy", "sarsa", None, False),
    "slate_topk_sarsa": ("top_k", "sarsa", None, False),
    "myopic_slate_topk_sarsa": ("top_k", "sarsa", None, True),
    "slate_greedy_sarsa": ("greedy", "sarsa", None, False),
    "myopic_slate_greedy_sarsa": ("greedy", "sarsa", None, True),
    "slate_topk_topk_q": ("top_k", "q_learning", "top_k", False),
    "slate_greedy_greedy_q": ("greedy", "q_learning", "greedy", False),
    "slate_topk_optimal_q": ("top_k", "q_learning", "exact", False),
    "slate_greedy_optimal_q": ("greedy", "q_learning", "exact", False),
    "slate_optimal_optimal_q": ("exact", "q_learning", "exact", False),
}


@pytest.fixture(scope="module")
def environment():
    return SlateEnvironment(interest_evolution(slate_size=2, num_candidates=5), 40, seed=1)


def create(environment, **kwargs):
    agent = create_slate_q(environment, tf.Variable(0, dtype=tf.int64), **kwargs)
    agent.initialize()
    return agent


def test_the_presets_are_recsims_ten():
    described = {}
    for name in PRESETS:
        arguments = preset_arguments(name)
        targets, slates = arguments["targets"], arguments["slates"]
        described[name] = (
            slates.serving_slates,
            targets.target,
            slates.target_slates if targets.target == "q_learning" else None,
            targets.gamma == 0,
        )
    assert described == RECSIM


@pytest.mark.parametrize("name", ["slate_topk_topk_q", "slate_optimal_optimal_q"])
def test_a_preset_is_an_agent_with_its_arguments(environment, name, monkeypatch):
    given = {}
    initialize = SlateQAgent.__init__

    def record(self, *args, **kwargs):
        given.update(kwargs)
        initialize(self, *args, **kwargs)

    monkeypatch.setattr(SlateQAgent, "__init__", record)
    assert create(environment, preset=name).name == "SlateQ"
    assert preset_arguments(name).items() <= given.items()


def test_dp_random_is_random_in_training_and_serving(environment):
    agent = create(environment, preset="dp_random")
    time_step = environment.current_time_step()
    for policy in (agent.policy, agent.collect_policy):
        first, second = (policy.action(time_step).action.numpy() for _ in range(2))
        # Two of 20 ordered slates are equal by chance.
        assert (first == second).all(axis=1).mean() < 0.4


def test_a_preset_wins_over_bindings_of_the_agent_and_leaves_the_others(environment):
    bindings = ["create_slate_q.preset = 'myopic_slate_topk_sarsa'", "SlateQTargets.gamma = 0.9"]
    config.load([], [*bindings, "Exploration.epsilon = 0.0"])
    agent = create(environment)
    assert agent.targets.gamma == 0
    time_step = environment.current_time_step()
    np.testing.assert_array_equal(
        agent.policy.action(time_step).action, agent.collect_policy.action(time_step).action
    )


# RecSim's names of the optimisers.
SLATES = {"top_k": "topk", "greedy": "greedy", "exact": "optimal"}


@pytest.mark.parametrize("record", golden.cases("slateq_selection"))
def test_slates_and_their_values_are_those_of_recsim(record):
    inputs, outputs = record["inputs"], record["outputs"]
    values = SlateValues.of(
        weights=tf.constant([inputs["scores"]]),
        no_click_weight=tf.constant([inputs["no_click_score"]]),
        q_items=tf.constant([inputs["q_values"]]),
        q_no_click=tf.zeros([1]),
    )
    for name, recsim in SLATES.items():
        slate = values.best_slate(slate_optimizer(name), inputs["slate_size"])
        assert slate.dtype == tf.int32
        assert set(slate.numpy()[0]) == set(outputs[f"slate_{recsim}"])
        if name == "top_k":
            assert slate.numpy().tolist() == [outputs["slate_topk"]]
        np.testing.assert_allclose(
            values.slate_value(slate), [outputs[f"value_{recsim}"]], rtol=1e-5
        )


@pytest.mark.parametrize("record", golden.cases("slateq_target"))
def test_targets_are_those_of_recsim(record):
    inputs, outputs = record["inputs"], record["outputs"]
    observation = Observation(
        user=tf.constant(inputs["next_user"]),
        documents=tf.constant(inputs["next_docs"]),
        response=(),
    )
    weights, no_click_weight = AffinityScores()(observation)
    next_slate = tf.constant(inputs["next_slate"])
    values = SlateValues.of(
        weights,
        no_click_weight,
        tf.constant(inputs["next_q_values"]),
        tf.zeros_like(no_click_weight),
    )
    slates = {
        name: values.best_slate(slate_optimizer(name), next_slate.shape[1]) for name in SLATES
    }
    discount = 1 - np.array(inputs["terminal"])
    for recsim, slate in {
        "sarsa": next_slate,
        **{SLATES[name]: slate for name, slate in slates.items()},
    }.items():
        target = inputs["reward"] + inputs["gamma"] * discount * values.slate_value(slate)
        np.testing.assert_allclose(target, outputs[f"target_{recsim}"], rtol=1e-5)


# RecSim's network and optimizers, set in a gin file.


# The centred RMSProp of RecSim 0.2.4's DQN.
RMSPROP = {"learning_rate": 0.00025, "rho": 0.95, "epsilon": 1e-5, "centered": True}


@pytest.fixture(scope="module")
def small_environment():
    return SlateEnvironment(
        recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=4), 3
    )


@pytest.mark.parametrize("create", [create_slate_q, create_full_slate_q])
def test_recsims_optimizers_can_be_bound(small_environment, create, monkeypatch):
    bindings = [f"RMSprop.{argument} = {value!r}" for argument, value in RMSPROP.items()]
    config.load([], [f"{create.__name__}.optimizer = @RMSprop", *bindings])
    built, build = [], tf.keras.optimizers.RMSprop.build
    monkeypatch.setattr(
        tf.keras.optimizers.RMSprop,
        "build",
        lambda self, weights: (built.append(self), build(self, weights)),
    )
    create(small_environment, tf.Variable(0, dtype=tf.int64))
    (found,) = (optimizer.get_config() for optimizer in built)
    assert {argument: found[argument] for argument in RMSPROP} == pytest.approx(RMSPROP)


def kernel_shapes(network):
    network.create_variables()
    return [tuple(variable.shape) for variable in network.variables if "kernel" in variable.name]


def test_the_network_of_full_slate_q_is_recsims(small_environment):
    # A user and two documents of 20 numbers each, first layers apart.
    assert kernel_shapes(FullSlateQNetwork(small_environment.observation_spec(), 2)) == [
        (20, 256)
    ] * 3 + [(256, 32), (32, 1)]


def test_the_network_of_slate_q_can_be_recsims(small_environment):
    network = SlateQNetwork(
        small_environment.observation_spec(), hidden_units=(256, 32), no_click="zero"
    )
    assert kernel_shapes(network) == [(20, 256)] * 2 + [(256, 32), (32, 1)]
