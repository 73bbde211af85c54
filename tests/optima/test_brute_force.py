# SPDX-License-Identifier: Apache-2.0
"""Bounds against brute force on small instances, in code that shares nothing with theirs."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate

import recsim_tf
from recsim_tf.conversations import Act, ConversationUsers, query
from recsim_tf.conversations.documents import Items
from recsim_tf.conversations.key_terms import KeyTermDocuments, KeyTermUsers
from recsim_tf.core import nests, random
from recsim_tf.environments.ecosystem import ClusteredUsers, Providers
from recsim_tf.environments.engagement_bait import BaitedUsers, BaitVideos
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, UtilityVideos
from recsim_tf.environments.long_term_satisfaction import LongTermSatisfactionUsers
from recsim_tf.environments.news import Newsroom
from recsim_tf.environments.page_clicks import PageItems
from recsim_tf.environments.return_visits import ReturnVisitsUsers
from recsim_tf.optima import bounds
from recsim_tf.optima.bound import Sessions
from recsim_tf.optima.feed import _paths
from recsim_tf.worlds.feed import HALF_LIVES

_STATIC = {
    "InterestExploration-v1": {"num_candidates": 4, "slate_size": 2},
    "News-v0": {"documents": Newsroom(num_articles=4), "slate_size": 2, "users_per_world": 4},
    "PageClicks-v0": {"documents": PageItems(num_items=30), "num_candidates": 4, "slate_size": 2},
}


@pytest.mark.parametrize("environment_id", _STATIC)
def test_the_optimum_of_a_step_is_the_best_of_all_slates(environment_id):
    """The number of clicks of each slate is a mean over many users with the same state."""
    simulator = recsim_tf.make(environment_id, **_STATIC[environment_id])
    first, seed = random.split_seed(0, 2)
    state = simulator.reset(8, first)
    copies = 4000

    def repeated(nest):
        return tf.nest.map_structure(lambda leaf: tf.repeat(leaf, copies, axis=0), nest)

    clicks = []
    for slate in itertools.permutations(range(4), 2):
        documents = simulator.documents.describe(state.candidates, state.corpus)
        documents = simulator.corpora.of_users(documents, 8)
        shown = nests.take(documents, tf.tile([slate], [8, 1]))
        hidden = simulator.documents.reveal(repeated(shown))
        hidden = () if hidden is None else random.sample(hidden, seed)
        shown = simulator.documents.show(repeated(shown), hidden)
        mask = tf.ones([8 * copies, 2], tf.bool)
        draw = random.sample(
            simulator.users.response(repeated(state.user), recsim_tf.Slate(shown, mask)), seed
        )
        response = simulator.users.outcome(repeated(state.user), recsim_tf.Slate(shown, mask), draw)
        clicks.append(tf.reduce_mean(tf.reshape(simulator.reward_fn(response), [8, -1]), axis=1))
    best = np.max(clicks, axis=0).mean()
    # The best of twelve noisy means is slightly too high.
    assert bounds(simulator, 8, 1).value == pytest.approx(best, rel=0.1, abs=0.004)


@pytest.mark.parametrize("environment_id", _STATIC)
def test_users_and_candidates_do_not_depend_on_slates(environment_id):
    simulator = recsim_tf.make(environment_id, **_STATIC[environment_id])
    state = simulator.reset(8, seed=0)
    following = [
        simulator.step(state, tf.tile([slate], [8, 1]), seed=1)[0] for slate in ([0, 1], [3, 2])
    ]
    for name in ("user", "candidates"):
        for one, other in zip(*(tf.nest.flatten(getattr(s, name)) for s in following), strict=True):
            np.testing.assert_array_equal(one, other)
    if environment_id == "News-v0":
        for name in ("topic", "quality", "published"):
            one, other = (getattr(each.corpus, name) for each in following)
            np.testing.assert_array_equal(one, other)


def _engagement(exposure, clickbait, sensitivity):
    satisfaction = 1 / (1 + np.exp(-sensitivity * exposure))
    return np.exp(satisfaction * (5 * clickbait + 4 * (1 - clickbait)) + 0.5)


def test_two_steps_of_long_term_satisfaction():
    """Here the larger clickbait of two is better, so the best of two has the density 2 c."""
    users = LongTermSatisfactionUsers(innovation_stddev=0.0, time_budget=2.0)
    simulator = recsim_tf.make(
        "LongTermSatisfaction-v1", users=users, num_candidates=2, slate_size=1
    )

    def last(exposure):
        return integrate.quad(lambda c: 2 * c * _engagement(exposure, c, 0.01), 0, 1)[0]

    def both(clickbait, exposure):
        after = 0.7 * exposure - 2 * (clickbait - 0.5)
        return 2 * clickbait * (_engagement(exposure, clickbait, 0.01) + last(after))

    widest = 0.5 / 0.3
    total = integrate.dblquad(both, -widest, widest, 0, 1, epsrel=1e-5)[0] / (2 * widest)
    assert bounds(simulator).value == pytest.approx(total, rel=1e-4)


def test_a_single_visit_is_a_session_of_long_term_satisfaction():
    viewers = LongTermSatisfactionUsers(sensitivity=0.3)
    once = ReturnVisitsUsers(viewers, churn_prob=1.0, visit_steps=3)
    session = viewers.replaced(time_budget=3.0)
    visit = bounds(recsim_tf.make("ReturnVisits-v0", users=once))
    alone = bounds(recsim_tf.make("LongTermSatisfaction-v1", users=session))
    assert visit.value == pytest.approx(alone.value, rel=1e-9)


def test_two_visits_of_a_step():
    """With visits of a step, no memory and the document of the largest clickbait the best, a visit
    earns the same each time, and the number of visits is that of a renewal process.
    """
    viewers = LongTermSatisfactionUsers(memory_discount=0.0, sensitivity=0.0, innovation_stddev=0.0)
    users = ReturnVisitsUsers(
        viewers, horizon=4.0, visit_steps=1, gap_sensitivity=0.0, churn_sensitivity=0.0
    )
    value = bounds(recsim_tf.make("ReturnVisits-v0", users=users)).value
    generator = np.random.default_rng(0)
    day, visits = np.zeros(200_000), np.ones(200_000)
    for _ in range(40):
        returns = generator.random(len(day)) > 0.018
        day = np.where(returns, day + np.exp(0.7 + 0.6 * generator.standard_normal(len(day))), 4)
        visits += day < 4
    best = generator.random([200_000, 10]).max(axis=1)
    earned = np.exp(0.5 * (5 * best + 4 * (1 - best)) + 0.5).mean()
    assert value == pytest.approx(visits.mean() * earned, rel=0.005)


def test_two_steps_of_engagement_bait():
    """All slates of at most two of four videos, from nodes of a normal quadrature."""
    simulator = recsim_tf.make(
        "EngagementBait-v0",
        documents=BaitVideos(num_videos=4, seed=2),
        users=BaitedUsers(num_videos=4),
        max_steps=2,
    )
    videos = simulator.documents
    quality, features = np.asarray(videos.quality), np.asarray(videos.features)
    slates = [s for size in range(3) for s in itertools.combinations(range(4), size)]

    def squashed(interests):
        return 40 * (1 / (1 + np.exp(-interests / 10)) - 0.5)

    def best(interests, steps):
        if not steps:
            return 0.0
        weights = np.exp(2 - np.linalg.norm(interests - features, axis=1))
        values = [
            2 / (1 + np.exp(q)) + best(squashed(interests + 0.1 * q * (v - interests)), steps - 1)
            for q, v in zip(quality, features, strict=True)
        ]
        without = best(squashed(interests), steps - 1)
        return max(
            (sum(weights[v] * values[v] for v in slate) + without)
            / (sum(weights[v] for v in slate) + 1)
            for slate in slates
        )

    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights /= weights.sum()
    total = sum(
        one * other * best(np.array([first, second]), 2)
        for (first, one), (second, other) in itertools.product(
            zip(nodes, weights, strict=True), repeat=2
        )
    )
    assert bounds(simulator).value == pytest.approx(total, rel=0.003)


def test_a_single_provider_has_the_nearest_documents():
    means = np.array([[1.0, 2.0]], np.float32)
    simulator = recsim_tf.make(
        "Ecosystem-v0", means=means, users_per_world=2000, num_candidates=5, max_steps=1
    )
    state = simulator.reset(2000, seed=7)
    generator = np.random.default_rng(8)
    interests = generator.choice(state.user.numpy(), 20_000)
    documents = generator.normal(means, 1.0, [20_000, 5, 2])
    best = 2 - np.linalg.norm(documents - interests[:, np.newaxis], axis=-1).min(axis=1)
    bound = bounds(simulator, 2000)
    assert bound.value == pytest.approx(best.mean(), abs=4 * bound.error)


def test_no_mix_of_providers_is_above_the_bound():
    means = np.array([[1.0, 2.0], [-3.0, 0.0], [0.0, -4.0]], np.float32)
    users, providers = ClusteredUsers(means), Providers(means)
    simulator = recsim_tf.make(
        "Ecosystem-v0",
        users=users,
        documents=providers,
        num_candidates=5,
        max_steps=1,
        users_per_world=1000,
    )
    state = simulator.reset(1000, seed=0)
    bound = bounds(simulator, 1000)
    generator = np.random.default_rng(1)
    for mix in (np.ones(3) / 3, np.array([0.8, 0.1, 0.1]), np.array([0.0, 0.5, 0.5])):
        provider = generator.choice(3, [1000, 5], p=mix)
        documents = means[provider] + generator.standard_normal([1000, 5, 2])
        distances = np.linalg.norm(documents - state.user.numpy()[:, np.newaxis], axis=-1)
        assert (2 - distances.min(axis=1)).mean() < bound.value


def test_the_best_mix_of_two_providers_is_that_of_a_search():
    """Between two providers the mix is one number, so all mixes are tried."""
    means = np.array([[2.0, 0.0], [-2.0, 1.0]], np.float32)
    simulator = recsim_tf.make(
        "Ecosystem-v0", means=means, num_candidates=4, max_steps=1, users_per_world=500
    )
    interests = simulator.reset(500, seed=0).user.numpy()
    generator = np.random.default_rng(1)
    shape = [400, 500, 4]
    noise, rank = generator.standard_normal([*shape, 2]), generator.uniform(size=shape)
    earned = []
    for share in np.linspace(0, 1, 21):
        documents = means[(rank > share).astype(int)] + noise
        distances = np.linalg.norm(documents - interests[:, np.newaxis], axis=-1)
        earned.append(2 - distances.min(axis=2).mean())
    assert bounds(simulator, 500).value == pytest.approx(max(earned), abs=0.01)


@pytest.mark.parametrize("quality", [-1.0, 0.5, 2.0])
def test_a_topic_of_interest_evolution(quality):
    """One topic and one candidate: a dynamic program over the interest and the budget."""
    simulator = recsim_tf.make(
        "InterestEvolution-v1",
        users=InterestEvolutionUsers(num_features=1, time_budget=12.0),
        documents=UtilityVideos(num_topics=1, topic_quality_means=(quality,), quality_stddev=0.0),
        slate_size=1,
        num_candidates=1,
    )

    @functools.cache
    def best(interest, budget):
        if budget < 0.5:  # The rest is worth less than a step.
            return 0.0
        prob = (interest + 1) / (interest + 3)
        watched = min(budget, 4.0)
        later = round(budget - watched + 0.9 / 3.4 * watched * quality, 1)
        step = 0.3 * (1 - abs(interest)) * (1 - interest)
        up = (interest + 1) / 2
        clicked = watched + sum(
            share * best(round(min(max(interest + move, -1), 1), 1), later)
            for share, move in ((up, step), (1 - up, -step))
            if share > 0
        )
        without = best(interest, round(budget - 0.5, 1))
        return max(prob * clicked + (1 - prob) * without, without)

    interests = np.round(np.linspace(-1, 1, 21), 1).tolist()
    optimum = np.mean([best(interest, 12.0) for interest in interests])
    bound = bounds(simulator, 50)
    assert optimum < bound.value < 3 * optimum


def test_a_round_of_two_offers_of_key_terms():
    simulator = recsim_tf.make(
        "KeyTerms-v0",
        users=KeyTermUsers(num_features=5, num_rounds=1),
        documents=KeyTermDocuments(num_arms=6, num_key_terms=2, num_features=5, num_offered_arms=2),
        num_candidates=4,
        max_steps=2,
    )
    state = simulator.reset(5000, seed=3)
    features = np.asarray(simulator.documents.features)[:6]
    liked = np.clip(state.user.taste.numpy() @ features.T, 0, 1)
    offers = np.random.default_rng(0).integers(6, size=[5000, 4])
    best = np.take_along_axis(liked, offers, axis=1).max(axis=1)
    bound = bounds(simulator, 5000)
    assert bound.value == pytest.approx(best.mean(), abs=5 * bound.error)
    assert bound.kind == "bound"


def test_no_offer_of_a_turn_is_above_the_bound_of_conversations():
    simulator = recsim_tf.make(
        "Conversation-v0",
        users=ConversationUsers(num_factors=4),
        documents=Items(num_items=3, num_factors=4),
        num_candidates=3,
        slate_size=1,
        max_steps=1,
    )
    state = simulator.reset(20, seed=0)
    many = tf.nest.map_structure(lambda leaf: tf.repeat(leaf, 2000, axis=0), state)
    rewards = [np.zeros(20)]
    for act, item in itertools.product((Act.RECOMMEND, Act.ENDORSE), range(3)):
        turn = recsim_tf.Turn(tf.fill([40_000, 1], item), query(act, num_users=40_000))
        _, transition = simulator.step(many, turn, seed=1)
        rewards.append(tf.reduce_mean(tf.reshape(transition.reward, [20, -1]), axis=1))
    bound = bounds(simulator, 2000)
    assert np.max(rewards, axis=0).mean() < bound.value + 3 * bound.error


def test_two_steps_of_the_feed():
    """All outcomes of two steps, for each path of contexts and candidates."""
    simulator = recsim_tf.make("Feed-v0", num_candidates=3, max_steps=2)
    sessions = Sessions(40, 2, seed=4)
    effects, viewers, pauses = _paths(simulator, sessions)
    change = np.asarray(simulator.users.change)[:2]
    total = []
    for path in range(40):
        left = 0.5 ** (pauses[0, path] / np.array(HALF_LIVES))
        options = []
        for effect in effects[0, path]:
            prob = 1 / (1 + np.exp(-(viewers[0, path] + effect)))
            later = [
                max(
                    1 / (1 + np.exp(-(viewers[1, path] + e + change @ (left * (click - prob)))))
                    for e in effects[1, path]
                )
                for click in (0, 1)
            ]
            options.append(prob * (1 + later[1]) + (1 - prob) * later[0])
        total.append(max(options))
    assert bounds(simulator, 40, seed=4).value == pytest.approx(np.mean(total), rel=1e-3)
