# SPDX-License-Identifier: Apache-2.0
"""What a policy refuses at construction: environments that lack what it reads, unknown names."""

import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import choice, policies
from recsim_tf.conversations import ConversationUsers
from recsim_tf.conversations.elicitation import (
    AskAttributes,
    AskMost,
    CompareSet,
    RecommendKnown,
    RecommendSet,
)
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, UtilityVideos
from recsim_tf.environments.interest_exploration import TopicDocuments
from recsim_tf.environments.long_term_satisfaction import LongTermSatisfactionUsers
from recsim_tf.policies import indices
from recsim_tf.policies.choice_scores import AffinityScores
from tests.policies.test_clusters import three_topics
from tests.refusals import assert_refused
from tests.rollout_policies import first_positions

HIDDEN = recsim_tf.make("Conversation-v0", users=ConversationUsers(2, num_attributes=2))
TALKED = recsim_tf.make("Conversation-v0")
PULLS = tf.ones([3, 2])


class OfFloats(TopicDocuments):
    def observe(self, documents):
        return documents._replace(cluster_id=tf.cast(documents.cluster_id, tf.float32))


class Unbounded(TopicDocuments):
    def observation_bounds(self):
        return Bounds()


def evolution(**arguments):
    return recsim_tf.interest_evolution(**arguments)


def exploration(**arguments):
    return recsim_tf.interest_exploration(**arguments)


ELICITATION = [
    (lambda: RecommendSet(HIDDEN, num_shown=4), "num_shown must be at most slate_size=3"),
    (
        lambda: RecommendSet(recsim_tf.make("DriftingTaste-v0")),
        "simulator must be of Conversation-v0, whose users are ConversationUsers, got Drifting",
    ),
    (
        lambda: RecommendKnown(HIDDEN),
        "users must have is_taste_observed=True for a policy that knows tastes, got False",
    ),
    (
        lambda: AskMost(TALKED, [AskAttributes(2)]),
        "num_attributes must be 5, that of the users, got 2",
    ),
    (lambda: AskMost(HIDDEN, []), r"kinds must be a list of kinds of turns, got none"),
    (
        lambda: AskMost(HIDDEN, [CompareSet(4)]),
        "slate_size of a kind of turns must be at most 3, that of the environment, got 4",
    ),
]
NAMES = [
    (
        lambda: indices.thompson(PULLS, PULLS, tf.ones([3])),
        "seed must be an integer or an int32 tensor",
    ),
    (
        lambda: indices.kl_ucb(PULLS[:, :1], PULLS[:, :1], tf.ones([3])),
        "pulls must be of at least 2 arms, got 1",
    ),
    (
        lambda: indices.kl_ucb(PULLS, tf.ones([3, 4]), tf.ones([3])),
        r"rewards must have the shape of pulls, \(3, 2\), got \(3, 4\)",
    ),
]
BELIEFS = [
    (
        lambda: policies.OraclePolicy(
            evolution(users=InterestEvolutionUsers(choice_model=choice.ProportionalCascade()))
        ),
        "choice_model must be multinomial",
    ),
    (
        lambda: policies.OraclePolicy(exploration()),
        r"the oracle needs interest evolution with UtilityVideos, got \w+",
    ),
    (
        lambda: policies.OraclePolicy(
            recsim_tf.Simulator(LongTermSatisfactionUsers(), UtilityVideos(), 2, 4)
        ),
        "the oracle needs interest evolution with InterestEvolutionUsers, got LongTerm",
    ),
    (
        lambda: policies.myopic_policy(exploration()),
        r"the affinity <user, document> needs vectors of one length",
    ),
    (
        lambda: AffinityScores(choice.ExponentialCascade()),
        r"choice_model must be multinomial, as MultinomialProportional\(\) or"
        r" MultinomialLogit\(\), got ExponentialCascade\(",
    ),
    (
        lambda: policies.baseline_policy("greedy_pctr", evolution()),
        "belief must be given for users other than InterestExplorationUsers, got None",
    ),
    (
        lambda: policies.greedy_pctr_policy(evolution(), belief=lambda observation: 0),
        r"users must have a method scores\(state, documents\), got InterestEvolutionUsers",
    ),
]
CLUSTERS = [
    (
        lambda: policies.greedy_cluster_policy(three_topics(), 3),
        r"cluster_id must be in \[0, num_clusters=3\), got 3",
    ),
    (
        lambda: policies.ClickBandit(three_topics(), [first_positions(3)] * 2),
        "arms must be one policy for each of the num_clusters=3 of responses, got 2",
    ),
    (
        lambda: policies.ClickBandit(recsim_tf.make("LongTermSatisfaction-v1"), []),
        "responses must have the fields clicked, cluster_id, got clicked, engagement without clus",
    ),
    (
        lambda: policies.ClusterBandit(evolution()),
        "observed documents must have the fields cluster_id, quality, got .* without cluster_id,",
    ),
    (
        lambda: policies.ClusterBandit(exploration(documents=OfFloats())),
        "cluster_id of documents must be integers, got float32",
    ),
    (
        lambda: policies.ClusterBandit(exploration(documents=Unbounded())),
        "must bound cluster_id, got no upper bound",
    ),
]


@pytest.mark.parametrize(("call", "message"), ELICITATION + NAMES + BELIEFS + CLUSTERS)
def test_what_a_policy_cannot_do_is_said_in_one_line(call, message):
    assert_refused(call, message)
