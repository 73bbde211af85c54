# SPDX-License-Identifier: Apache-2.0
"""What an agent refuses at construction: environments that lack what it reads, tables that are too
large, and unknown names.
"""

from typing import NamedTuple

import pytest
import tensorflow as tf
from tf_agents.bandits.agents import lin_ucb_agent
from tf_agents.trajectories import time_step as ts

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents import layers
from recsim_tf.agents.bandits import DocumentArms, create_bandit
from recsim_tf.agents.bandits.conversational import ConUCB, LinUCB, random_arms
from recsim_tf.agents.full_slate_q import TopicSetQNetwork, create_full_slate_q
from recsim_tf.agents.reinforce import ReinforceSlateAgent
from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.agents.slate_q import (
    SlateQAgent,
    SlateQNetwork,
    create_slate_q,
)
from recsim_tf.agents.tabular_q import (
    SlateCells,
    create_tabular_q,
)
from recsim_tf.agents.tabular_q.cells import ObservationDigits
from recsim_tf.conversations.key_terms import key_terms
from recsim_tf.policies import ClickBandit, ClusterBandit, baseline_policy, greedy_cluster_policy
from recsim_tf.policies.choice_scores import AffinityScores
from tests import questions
from tests.agents.experience import (
    ACTION_SPEC,
    NUM_CANDIDATES,
    OBSERVATION_SPEC,
    SLATE_SIZE,
    TIME_STEP_SPEC,
    bounded,
    learning,
    slate_q_options,
)
from tests.agents.tabular_q import experience as tabular
from tests.refusals import assert_refused


def environment(environment_id, **arguments):
    return SlateEnvironment(recsim_tf.make(environment_id, **arguments), 2)


def exploration(**arguments):
    return recsim_tf.interest_exploration(**arguments)


def slate_q(time_step_spec=TIME_STEP_SPEC, network=SlateQNetwork, **arguments):
    return SlateQAgent(
        time_step_spec,
        ACTION_SPEC,
        network(OBSERVATION_SPEC, (6,)),
        **slate_q_options(arguments),
    )


def layered(simulator, *stack):
    return layers.LayeredSimulator(simulator, *stack)


class Ratings(NamedTuple):
    rating: tf.TensorSpec


WITHOUT_CLICKS = ts.time_step_spec(
    OBSERVATION_SPEC._replace(response=Ratings(tf.TensorSpec([SLATE_SIZE], tf.float32)))
)
WITHOUT_VECTORS = ts.time_step_spec(
    OBSERVATION_SPEC._replace(user=tf.TensorSpec([NUM_CANDIDATES + 5], tf.float32))
)
TALK = recsim_tf.make("Conversation-v0")
UNIT = bounded([], 0.0, 1.0)

REFUSED = {
    "ConUCB needs an environment with KeyTermDocuments, got TopicDocuments": lambda: ConUCB(
        exploration(slate_size=1)
    ),
    "random_arms needs an environment with KeyTermDocuments, got TopicDocuments": lambda: (
        random_arms(exploration())
    ),
    "slate_size must be 1 for LinUCB, which shows one item, got 2": lambda: LinUCB(
        key_terms(slate_size=2)
    ),
    "slate_size must be 1 for a bandit over documents, which chooses one, got 3": lambda: (
        create_bandit(
            environment("InterestExploration-v1"),
            tf.Variable(0, dtype=tf.int64),
            bandit=lin_ucb_agent.LinearUCBAgent,
            arms=DocumentArms,
        )
    ),
    "simulator must be of Conversation-v0": lambda: layers.BeliefLayer(
        recsim_tf.make("DriftingTaste-v0")
    ),
    "simulator of the layer must be the one below it: ": lambda: layered(
        recsim_tf.make("Conversation-v0", num_chips=2), layers.BeliefLayer(TALK)
    ),
    "a layer with a belief must be the lowest, on a Simulator, got LayeredSimulator": lambda: (
        layered(layered(TALK, layers.BeliefLayer(TALK)), layers.BeliefLayer(TALK))
    ),
    "one of remember_user": lambda: layers.FixedLengthHistory(
        1, remember_user=False, remember_response=False
    ),
    "must have resample_documents=False, got True": lambda: layered(
        exploration(), layers.TemporalAggregation(2)
    ),
    "the affinity <user, document> needs vectors of one length, got user and ": lambda: slate_q(
        WITHOUT_VECTORS, choice_scores=AffinityScores()
    ),
    "observed responses must have the fields clicked, got": lambda: slate_q(WITHOUT_CLICKS),
    "hidden_units must name at least one layer, got none": lambda: SlateQNetwork(
        OBSERVATION_SPEC, ()
    ),
    r"slate_size=4 of num_candidates=20 gives 116,280 slates, .* at most 20,000": lambda: (
        all_slates(20, 4)
    ),
    "documents must be observed as one-hot vectors of topics": lambda: TopicSetQNetwork(
        environment("InterestExploration-v1").observation_spec(), 2
    ),
    "average_tau must be None for ReinforceSlateAgent, got 0.1": lambda: ReinforceSlateAgent(
        TIME_STEP_SPEC, ACTION_SPEC, None, None, learning(average_tau=0.1)
    ),
    "weights must be None": lambda: tabular.make_agent().train(
        tabular.batch(tabular.Row()), weights=tf.ones([1])
    ),
    r"make about 10\^\d+ cells, more than max_cells=4,194,304": lambda: SlateCells(
        environment("InterestEvolution-v1").observation_spec(), 3
    ),
    r"^discretization_bounds=None .* quality has no finite ones": lambda: ObservationDigits(
        tf.TensorSpec([], tf.float32, "quality"), None, 10
    ),
    r"discretization_bounds must be \(low, high\) with low < high, got \(10, 0\)": lambda: (
        ObservationDigits(UNIT, (10, 0), 5)
    ),
    "number_bins=10000000 are too many between 0.0 and 1.0 for float32": lambda: ObservationDigits(
        UNIT, (0, 1), 10**7
    ),
}
ALONE = "gives slates alone, and the environment has .*"
TRAIN = "train ReinforceSlateAgent, or let a layer's action_format give the agent a menu of turns"
# What gives slates alone, by what it says of environments with queries.
WITHOUT_QUERIES = {
    f"^{name} {ALONE}{TRAIN}": lambda source, create=create: create(
        SlateEnvironment(source, 2), tf.Variable(0, dtype=tf.int64)
    )
    for create, name in (
        (create_slate_q, "SlateQ"),
        (create_full_slate_q, "FullSlateQ"),
        (create_tabular_q, "TabularQ"),
        (create_bandit, "a bandit"),
    )
}
RANKING = (
    lambda source: baseline_policy("oracle", source),
    lambda source: baseline_policy("greedy_pctr", source),
    lambda source: greedy_cluster_policy(source, 0),
    ClusterBandit,
    lambda source: ClickBandit(source, []),
)


@pytest.mark.parametrize("message", REFUSED)
def test_what_an_agent_cannot_do_is_said_in_one_line(message):
    assert_refused(REFUSED[message], message)


@pytest.mark.parametrize("message", WITHOUT_QUERIES)
def test_an_agent_says_in_one_line_what_to_do_about_queries(message):
    assert_refused(lambda: WITHOUT_QUERIES[message](questions.simulator()), message)


@pytest.mark.parametrize("make", RANKING)
def test_a_policy_that_ranks_says_in_one_line_what_to_do_about_queries(make):
    message = f"{ALONE}take random_policy, or a policy of"
    assert_refused(lambda: make(questions.simulator()), message)
