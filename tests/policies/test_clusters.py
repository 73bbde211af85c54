# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy
from recsim_tf.choice import MultinomialLogit
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.interest_exploration import (
    Document,
    InterestExplorationUsers,
    TopicDocuments,
    interest_exploration,
)
from recsim_tf.policies import ClickBandit, ClusterBandit, greedy_cluster_policy
from recsim_tf.policies.clicks import ClickCounts, concatenate_slates
from recsim_tf.policies.clusters import rank_cluster, rank_clusters
from recsim_tf.policies.indices import ucb1
from tests.rollout_policies import first_positions

NUM_USERS = 6


def three_topics(**kwargs):
    users = InterestExplorationUsers(
        affinity_loc=[[1.0, 0.2, 0.3], [0.1, 1.0, 1.2]],
        affinity_scale=[[0.1] * 3] * 2,
        choice_model=MultinomialLogit(no_click_mass=1.0),
    )
    documents = TopicDocuments([0.2, 0.3, 0.5], [0.8, 0.2, 0.0], [0.1] * 3)
    return interest_exploration(
        **{"users": users, "documents": documents, "slate_size": 3, "num_candidates": 8, **kwargs}
    )


def random_documents(num_users, num_candidates, num_clusters, seed=0):
    generator = np.random.default_rng(seed)
    # Few values of quality, so that some tie.
    return Document(
        cluster_id=tf.constant(
            generator.integers(0, num_clusters, (num_users, num_candidates)), tf.int32
        ),
        quality=tf.constant(generator.integers(1, 5, (num_users, num_candidates)), tf.float32),
    )


def in_cluster_by_quality(documents, user, cluster):
    of_cluster = np.flatnonzero(documents.cluster_id[user].numpy() == cluster)
    return sorted(
        of_cluster.tolist(),
        key=lambda position: (-float(documents.quality[user, position]), position),
    )


@pytest.mark.parametrize(
    ("num_candidates", "slate_size", "jit_compile"),
    [(7, 7, False), (7, 3, False), (80, 5, True)],
)
def test_the_best_clusters_give_their_best_documents_until_the_slate_is_full(
    num_candidates, slate_size, jit_compile
):
    documents = random_documents(40, num_candidates, 5)
    scores = tf.constant(
        np.random.default_rng(1).choice([0.0, 0.5, -1.0, 2.0, np.inf], (40, 5)), tf.float32
    )
    ranked = tf.function(
        lambda: rank_clusters(scores, documents, slate_size),
        jit_compile=jit_compile,
        autograph=False,
    )()
    assert ranked.dtype == tf.int32
    for user in range(40):
        visits = sorted(range(5), key=lambda cluster: (-scores[user, cluster].numpy(), cluster))
        items = [
            position
            for cluster in visits
            for position in in_cluster_by_quality(documents, user, cluster)
        ]
        assert ranked[user].numpy().tolist() == items[:slate_size]


@pytest.mark.parametrize("slate_size", [3, 7])
def test_the_candidates_of_a_cluster_are_ranked_by_quality(slate_size):
    documents = random_documents(40, 7, 5)
    slates = rank_cluster(2, documents, slate_size).numpy()
    of_each = rank_cluster(tf.range(40) % 5, documents, slate_size).numpy()
    for user in range(40):
        for slate, cluster in ((slates[user], 2), (of_each[user], user % 5)):
            items = in_cluster_by_quality(documents, user, cluster)[:slate_size]
            assert slate.tolist() == items + [-1] * (slate_size - len(items))
    assert (slates < 0).all(axis=1).any()  # a cluster without candidates is an empty slate


def count(responses):
    """Impressions and clicks [B, T] of a list of responses, by loops."""
    impressions, clicks = np.zeros((2, NUM_USERS, 3))
    for response in responses:
        for user, shown in enumerate(response.cluster_id.numpy()):
            for position, cluster in enumerate(shown):
                impressions[user, cluster] += 1
                clicks[user, cluster] += response.clicked[user, position]
    return impressions, clicks


@pytest.mark.slow
def test_the_slates_of_a_rollout_follow_from_the_counts_of_its_sessions():
    # Sessions of four steps: newcomers take the rows, whose counts must begin at zero.
    pure, num_steps = three_topics(max_steps=4), 11
    policy = ClusterBandit(pure, "kl_ucb")
    rollout = pure.rollout(policy, NUM_USERS, num_steps, 3, auto_reset=True)
    responses, steps = rollout.transitions.response, range(num_steps)
    for step in steps:
        session = [
            tf.nest.map_structure(lambda leaf, t=t: leaf[t], responses)
            for t in range(step - step % 4, step)
        ]
        impressions, clicks = count(session)
        counts = ClickCounts(
            tf.constant(impressions, tf.float32),
            tf.constant(clicks, tf.float32),
            tf.ones([NUM_USERS], tf.bool),
        )
        drawn = rollout.initial.candidates if step == 0 else rollout.transitions.draws.candidates
        documents = (
            drawn if step == 0 else tf.nest.map_structure(lambda leaf, t=step - 1: leaf[t], drawn)
        )
        expected = rank_clusters(policy.scores(counts, None), documents, 3)
        np.testing.assert_array_equal(rollout.transitions.slate[step], expected)


def test_a_user_is_shown_every_cluster_before_the_scores_count():
    bandit = ClusterBandit(three_topics(), lambda *_: tf.constant([[1.0, 3.0, 2.0]] * 3))
    impressions = tf.constant([[0.0, 0.0, 0.0], [2.0, 0.0, 1.0], [2.0, 1.0, 1.0]])
    counts = ClickCounts(impressions, tf.zeros([3, 3]), tf.ones([3], tf.bool))
    assert bandit.scores(counts, None).numpy().tolist() == [
        [0.0, 0.0, 0.0],
        [-2.0, 0.0, -1.0],
        [1.0, 3.0, 2.0],
    ]


def test_the_scaling_reaches_the_algorithm():
    counts = ClickCounts(
        tf.constant([[3.0, 5.0, 2.0]]), tf.constant([[1.0, 5.0, 0.0]]), tf.ones([1], tf.bool)
    )
    scores = ClusterBandit(three_topics(), ucb1, optimism_scaling=0.3).scores(counts, None)
    np.testing.assert_array_equal(
        scores, ucb1(counts.impressions, counts.clicks, tf.constant([10.0]), 0.3)
    )


@pytest.mark.slow
def test_thompson_draws_are_independent_over_time():
    pure = interest_exploration(resample_documents=False)
    bandit = ClusterBandit(pure, "thompson")
    fixed = ClickCounts(tf.fill([200, 2], 20.0), tf.fill([200, 2], 8.0), tf.zeros([200], tf.bool))
    rollout = compiled(
        lambda seed: pure.rollout(
            lambda *args: (bandit(args[0], fixed, args[2])[0], args[1]), 200, 20, seed
        )
    )
    trajectory = rollout(random.as_seed(0))
    clusters = trajectory.initial.candidates.cluster_id.numpy()
    first = np.stack(
        [
            np.take_along_axis(clusters, slate[:, :1], axis=1)[:, 0]
            for slate in trajectory.transitions.slate.numpy()
        ]
    )
    first = first[:, (clusters.sum(1) > 0) & (clusters.sum(1) < 10)].astype(np.float64)
    # Equal posteriors: either cluster is first half of the time, and whether it is the same one
    # again is a fair coin too.
    for mean, size in (
        (first.mean(), first.size),
        ((first[1:] == first[:-1]).mean(), first[1:].size),
    ):
        assert abs(mean - 0.5) < 4 * np.sqrt(0.25 / size)


def greedy_arms(pure, num_clusters=3):
    return [greedy_cluster_policy(pure, cluster) for cluster in range(num_clusters)]


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_slates_are_joined_from_the_best_arm_on_without_padding_and_repetition(jit_compile):
    generator = np.random.default_rng(0)
    num_users, num_candidates, slate_size = 60, 7, 4
    scores = generator.choice([0.0, 1.0, -1.0, np.inf], (num_users, 3)).astype(np.float32)
    slates = [
        generator.integers(-1, num_candidates, (num_users, length)).astype(np.int32)
        for length in (2, 5, 4)
    ]

    def joined():
        return concatenate_slates(
            tf.constant(scores),
            [tf.constant(slate) for slate in slates],
            num_candidates,
            slate_size,
        )

    result = tf.function(joined, jit_compile=jit_compile, autograph=False)()
    assert result.shape == [num_users, slate_size]
    some_short = False
    for user in range(num_users):
        visits = sorted(range(3), key=lambda arm: (-scores[user, arm], arm))
        items = [
            position for arm in visits for position in slates[arm][user].tolist() if position >= 0
        ]
        items = list(dict.fromkeys(items))[:slate_size]
        some_short |= len(items) < slate_size
        assert result[user].numpy().tolist() == items + [-1] * (slate_size - len(items))
    assert some_short


@pytest.mark.slow
def test_over_greedy_cluster_policies_it_is_the_cluster_bandit():
    pure, algorithm = three_topics(max_steps=5), "kl_ucb"

    def rollout(bandit):
        run = compiled(lambda seed: pure.rollout(bandit, 20, 13, seed, auto_reset=True))
        return run(random.as_seed(3)).transitions

    one = rollout(ClickBandit(pure, greedy_arms(pure), algorithm, optimism_scaling=0.7))
    other = rollout(ClusterBandit(pure, algorithm, optimism_scaling=0.7))
    np.testing.assert_array_equal(one.slate, other.slate)
    np.testing.assert_array_equal(one.reward, other.reward)


@pytest.mark.slow
def test_thompson_sampling_scores_by_a_seed_of_its_own():
    pure = three_topics()
    bandit = ClickBandit(pure, greedy_arms(pure), "thompson")
    state = bandit.initial_state(200)
    state = state._replace(
        counts=state.counts._replace(
            impressions=tf.fill([200, 3], 9.0), clicks=tf.fill([200, 3], 3.0)
        )
    )
    observation = pure.observe(pure.reset(200, 0))
    one, same, other = (
        bandit(observation, state, random.as_seed(seed))[0].numpy() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert 0.2 < (one == other).all(axis=1).mean() < 0.8


def frames(simulator, policy, num_users, num_frames):
    """The states of a policy after its actions in TF-Agents' environment."""
    environment = SlateEnvironment(simulator, num_users, seed=1)
    tf_policy = TFSlatePolicy(environment.time_step_spec(), environment.action_spec(), policy)
    action = tf.function(tf_policy.action, autograph=False)
    step = tf.function(environment.step, autograph=False)
    state, time_step = tf_policy.get_initial_state(num_users), environment.current_time_step()
    for _ in range(num_frames):
        chosen = action(time_step, state)
        state = chosen.state
        yield state
        time_step = step(chosen.action)


class Pinned:
    """Shows the number of steps of the session so far, as a position."""

    def initial_state(self, num_users):
        return tf.zeros([num_users], tf.int32)

    def __call__(self, observation, policy_state, seed):
        return policy_state[:, tf.newaxis], policy_state + 1


@pytest.mark.slow
def test_the_policy_states_of_the_arms_go_on_and_begin_anew_in_every_session():
    pure = three_topics(max_steps=4, validate=True)
    arms = [Pinned(), ClusterBandit(pure), first_positions(2)]
    bandit = ClickBandit(pure, arms)
    for index, state in enumerate(frames(pure, bandit, NUM_USERS, 12)):
        frame = index % 5
        assert state.arms[0].numpy().tolist() == [frame + 1] * NUM_USERS
        assert state.arms[2] == ()
        # The arm that is a bandit counts what the environment shows, as the bandit above it does.
        tf.nest.map_structure(np.testing.assert_array_equal, state.arms[1], state.counts)
        np.testing.assert_array_equal(
            tf.reduce_sum(state.counts.impressions, axis=1), np.full(NUM_USERS, 3 * frame)
        )


def test_users_may_have_an_optimism_of_their_own():
    shown = tf.constant([[9.0, 4.0, 5.0]] * 2)
    counts = ClickCounts(shown, shown / [[3.0, 2.0, 5.0]], tf.ones([2], tf.bool))
    simulator = three_topics()
    several = ClusterBandit(simulator, "ucb1", optimism_scaling=tf.constant([0.1, 2.0]))
    found = several.scores(counts, random.as_seed(0))
    for user, scaling in enumerate((0.1, 2.0)):
        one = ClusterBandit(simulator, "ucb1", optimism_scaling=scaling)
        np.testing.assert_allclose(found[user], one.scores(counts, random.as_seed(0))[user])
