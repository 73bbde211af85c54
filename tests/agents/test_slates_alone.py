"""Agents and policies that give slates alone refuse environments with queries."""

import pytest
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.bandits import create_bandit
from recsim_tf.agents.full_slate_q import create_full_slate_q
from recsim_tf.agents.layers import LayeredSimulator
from recsim_tf.agents.slate_q import create_slate_q
from recsim_tf.agents.tabular_q import create_tabular_q
from recsim_tf.policies import (
    ClickBandit,
    ClusterBandit,
    baseline_policy,
    greedy_cluster_policy,
)
from tests.agents.layers.test_turns import Menu
from tests.questions import simulator


@pytest.mark.parametrize(
    ("create", "name"),
    [
        (create_slate_q, "SlateQ"),
        (create_full_slate_q, "FullSlateQ"),
        (create_tabular_q, "TabularQ"),
        (create_bandit, "a bandit"),
    ],
)
def test_an_agent_says_in_one_line_what_to_do_about_queries(create, name):
    environment = SlateEnvironment(simulator(), 2)
    with pytest.raises(ValueError, match="gives slates alone, and the environment has") as raised:
        create(environment, tf.Variable(0, dtype=tf.int64))
    # What gin adds tells of the configurable.
    message, *_ = str(raised.value).splitlines()
    assert message.startswith(f"{name} gives")
    assert message.endswith(
        "train ReinforceSlateAgent, or let a layer's action_format give the agent a menu of turns"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda source: baseline_policy("oracle", source),
        lambda source: baseline_policy("greedy_pctr", source),
        lambda source: greedy_cluster_policy(source, 0),
        lambda source: ClusterBandit(source),
        lambda source: ClickBandit(source, []),
    ],
)
def test_a_policy_that_ranks_says_in_one_line_what_to_do_about_queries(make):
    with pytest.raises(
        ValueError, match=r"gives slates alone.* take random_policy, or a policy of"
    ):
        make(simulator())


def test_an_agent_over_a_menu_is_an_agent_over_slates():
    environment = SlateEnvironment(LayeredSimulator(simulator(), Menu()), 2)
    agent = create_full_slate_q(environment, tf.Variable(0, dtype=tf.int64))
    agent.initialize()
    assert agent.policy.action(environment.reset()).action.shape == [2, 1]
