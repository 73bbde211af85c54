# SPDX-License-Identifier: Apache-2.0
"""What an environment refuses: tables that do not fit, and models that do not go together.

Ranges of parameters are those of tests/core/test_ranges.py.
"""

import numpy as np
import pytest

import recsim_tf
from recsim_tf import choice, conversations
from recsim_tf.belief import GaussianBelief
from recsim_tf.conversations import elicitation, key_terms
from recsim_tf.conversations.parts import Ratings
from recsim_tf.environments import (
    drifting_taste,
    ecosystem,
    engagement_bait,
    intents,
    interest_evolution,
    interest_exploration,
    news,
    page_clicks,
    return_visits,
)
from recsim_tf.language import Grammar
from recsim_tf.logs.trajectories import scoring_simulator
from recsim_tf.policies import clickbait_policy
from tests.environments.sequential import sequential
from tests.refusals import assert_refused

NAMES = ("funny", "dark", "slow", "long", "old")
CHIPS = conversations.Act.CHIPS
YES = Grammar.of_phrases({0: ["yes"]})
VISITS, EVOLUTION = "ReturnVisits-v0", "InterestEvolution-v1"


def items(**arguments):
    return conversations.Items(6, 3, **arguments)


def users(**arguments):
    return conversations.ConversationUsers(**arguments)


def talk(**arguments):
    return recsim_tf.make("Conversation-v0", **arguments)


def page_items(**arguments):
    return page_clicks.PageItems(3, **arguments)


def page_users(**arguments):
    return page_clicks.PageClickUsers(**arguments)


CONVERSATION = [
    (
        lambda: conversations.query(CHIPS, [0, 1], 1, 2),
        "attributes must be at most num_chips=1, got 2",
    ),
    (lambda: conversations.query(7.0, num_users=2), r"act must be an Act, in \[0, 6\], got 7\.0"),
    (lambda: conversations.query(True, num_users=2), "act must be an Act, .* got True"),
    (lambda: conversations.query(np.int64(9), num_users=2), "act must be an Act, .* got 9"),
    (lambda: conversations.query([1, 9]), r"act must be an Act, .* got \[1, 9\]"),
    (lambda: conversations.query(CHIPS, 2, num_users=2), "attributes must be a list, got 2"),
    (
        lambda: conversations.query(CHIPS, [0, 0.5], num_users=2),
        r"attributes\[1\] must be an integer or int32 \[B\], got 0\.5",
    ),
    (
        lambda: recsim_tf.conversation(key_terms.KeyTermUsers()),
        "users must be a ConversationUsers or None, got KeyTermUsers",
    ),
    (
        lambda: elicitation.AskMost(talk(slate_size=1)),
        "kinds must be given for slate_size=1, since by default pairs of items are compared",
    ),
    (
        lambda: elicitation.AskMost(talk(), [elicitation.ShowChips(5)]),
        "num_chips must be at most 3, that of the environment, got 5",
    ),
    (
        lambda: elicitation.RecommendBest(talk(), belief=GaussianBelief(users(num_attributes=3))),
        "users of the belief must have the num_attributes=5 of the simulator, got 3",
    ),
    (
        lambda: elicitation.RecommendBest(talk(), belief=GaussianBelief(users(num_factors=3))),
        "users of the belief must have the num_factors=10 of the simulator, got 3",
    ),
    (lambda: conversations.query(CHIPS), "num_users must be given if act is a number, got None"),
    (
        lambda: items(directions=np.zeros([2, 1, 4])),
        r"directions must have shape \[A, S, num_factors=3\], got \(2, 1, 4\)",
    ),
    (
        lambda: talk(documents=conversations.Items(directions=np.ones([2, 1, 10], "f"))),
        "documents must have the 5 attributes of users, got directions of 2",
    ),
    (
        lambda: recsim_tf.conversation(users(channel=YES)),
        "channel must have the 31 symbols of slate_size=3 and 5 attributes, got 1",
    ),
    (lambda: users(are_replies_observed=False), "channel must be given"),
    (
        lambda: conversations.conversation_grammar(9, NAMES),
        "slate_size must be at most 8, got 9",
    ),
    (
        lambda: conversations.conversation_grammar(3, ("a", "a")),
        "attribute_names must be different names",
    ),
    (
        lambda: conversations.conversation_grammar(3, ("funny", "Sci-Fi")),
        r"attribute_names\[1\] must be one word in lower case without punctuation, got 'Sci-Fi'",
    ),
    (
        lambda: users(directions=np.ones([2, 1, 4], "f")),
        r"directions must have shape \[num_attributes=5, .*num_factors=10\], .*\(2, 1, 4\)",
    ),
    (lambda: users(taste_loc=np.zeros(3)), r"taste_loc must .* \[num_factors=10\].*, got \(3,\)"),
    (lambda: Ratings(cuts=(0.0, 1.0)), r"cuts must .* \[cuts=4\].*, got \(2,\)"),
    (
        lambda: Ratings(cuts=(0.0, -1.0, 1.0, 2.0)),
        r"cuts must be increasing, got \[0\.0, -1\.0, 1\.0, 2\.0\]",
    ),
    (
        lambda: conversations.DialogueUsers(act_effects=np.zeros([7, 2])),
        r"act_effects must .*modes=9\].*\(7, 2\)",
    ),
]
FEATURES = "documents must have the num_features={} of users, got {}"
TABLES = [
    (
        lambda: drifting_taste.Catalogue(4, 2, replacement=False).candidates(1, 5, (), ()),
        "num_candidates must be at most num_items=4",
    ),
    (
        lambda: drifting_taste.drifting_taste(users=drifting_taste.DriftingTasteUsers(3)),
        "documents must have the num_factors=3 of users, got 16",
    ),
    (
        lambda: recsim_tf.ecosystem(
            ecosystem.ClusteredUsers(ecosystem.provider_layout(0)),
            ecosystem.Providers(np.zeros([4, 2], "f")),
        ),
        r"means must have shape \[P=4, F=2\], .* got \(80, 2\)",
    ),
    (lambda: engagement_bait.BaitVideos(4, quality=[0.0] * 3), "quality must have shape"),
    (
        lambda: recsim_tf.make(
            "EngagementBait-v0", documents=engagement_bait.BaitVideos(num_features=3)
        ),
        "num_features=2",
    ),
    (lambda: intents.intents(documents=intents.IntentDocuments(2)), FEATURES.format(3, 2)),
    (
        lambda: interest_evolution.UtilityVideos(num_topics=5),
        r"num_topics must satisfy .* got 5",
    ),
    (
        lambda: interest_evolution.UtilityVideos(num_topics=3, topic_quality_means=[1.0]),
        r"topic_quality_means must have shape \[num_topics=3\], or .* got \(1,\)",
    ),
    (
        lambda: interest_evolution.PlainVideos(min_feature_value=1.0),
        r"min_feature_value must be below max_feature_value=1\.0, got 1\.0",
    ),
    (
        lambda: interest_exploration.TopicDocuments(topic_distribution=(-0.2, 1.2)),
        r"topic_distribution must be non-negative and sum to 1, got \[-0\.2, 1\.2\]",
    ),
    (
        lambda: interest_exploration.InterestExplorationUsers(user_type_distribution=1.0),
        r"user_type_distribution must be a table, got the number 1\.0",
    ),
    (
        lambda: key_terms.KeyTermDocuments(2, 1, features=[[1.0, 1.0]] * 2),
        r"features must have shape \[items=3, num_features=50\]",
    ),
    (lambda: recsim_tf.key_terms(key_terms.KeyTermUsers(3)), FEATURES.format(3, 50)),
    (
        lambda: recsim_tf.news(news.Readers(num_topics=3)),
        "documents must have the num_topics=3 of users, got 8",
    ),
    (
        lambda: scoring_simulator(recsim_tf.make("News-v0")),
        "a log must be of documents that do not depend on the state of a corpus that users",
    ),
    (
        lambda: page_items(categories=[[0.5], [0.0], [1.0]]),
        r"categories must be whole numbers of shape \[num_items=3, G\], got float64 \[3, 1\]",
    ),
    (lambda: page_items(categories=[[0], [-1], [1]]), "categories must be at least 0, got -1"),
    (
        lambda: page_items(categories=[[0], [2], [1]], category_effect=[[0.0, 1.0]]),
        "category_effect must have an effect for each of 3 categories, got 2",
    ),
    (lambda: page_items(numeric=[1.0]), r"numeric must have shape \[num_items=3\], got \[1\]"),
    (
        lambda: page_users(feature_effect=[[0.0, 1.0]]),
        r"feature_effect must have shape \[num_features=4, num_categories=4\]",
    ),
    (
        lambda: recsim_tf.page_clicks(users=page_users(position_effect=[0.0, 1.0])),
        "position_effect of the users must have slate_size=3 effects, got 2",
    ),
    (
        lambda: recsim_tf.page_clicks(page_users(click_model=choice.PositionBased([0.5, 0.5]))),
        r"examination must have shape \[slate_size=3\]",
    ),
    (
        lambda: recsim_tf.page_clicks(page_users(), page_clicks.PageItems(satisfaction=0.0)),
        "satisfaction of the documents must be None for the click model IndependentClicks",
    ),
    (
        lambda: recsim_tf.page_clicks(page_users(click_model=choice.DynamicBayesian())),
        "satisfaction of the documents must be given for the click model DynamicBayesian",
    ),
    (
        lambda: page_items(satisfaction=[0.0, 1.0]),
        r"satisfaction must have shape \[num_items=3\]",
    ),
    (lambda: page_items(item_effect=[0.0, 1.0]), r"item_effect must have shape \[num_items=3\]"),
    (
        lambda: return_visits.ReturnVisitsUsers(interest_evolution.InterestEvolutionUsers()),
        "users must be LongTermSatisfactionUsers, got Interest",
    ),
    (
        lambda: clickbait_policy(recsim_tf.make(EVOLUTION), 1.0),
        "clickbait_policy needs ClickbaitDocuments, got Util",
    ),
    (lambda: sequential(num_candidates=3), "num_candidates must be at least 4, got 3"),
]


@pytest.mark.parametrize(("call", "message"), CONVERSATION + TABLES)
def test_what_does_not_fit_is_named_in_one_line(call, message):
    assert_refused(call, message)
