import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.slate_q import PRESETS, SlateQAgent, create_slate_q
from recsim_tf.agents.slate_q.targets import preset_arguments
from recsim_tf.environments.interest_evolution import interest_evolution
from recsim_tf.experiment import config

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


def test_an_unknown_preset_is_refused_with_the_known_ones(environment):
    with pytest.raises(
        ValueError, match=f"preset must be one of {', '.join(RECSIM)}, got 'slate_optimal_sarsa'"
    ):
        create(environment, preset="slate_optimal_sarsa")
