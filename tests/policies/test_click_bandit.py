import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy
from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.policies import ClickBandit, ClusterBandit, greedy_cluster_policy
from recsim_tf.policies.clicks import concatenate_slates
from tests.policies.test_clusters import NUM_USERS, three_topics
from tests.rollout_policies import first_positions


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


def test_over_greedy_cluster_policies_it_is_the_cluster_bandit():
    pure, algorithm = three_topics(max_steps=5), "kl_ucb"

    def rollout(bandit):
        run = compiled(lambda seed: pure.rollout(bandit, 20, 13, seed, auto_reset=True))
        return run(random.as_seed(3)).transitions

    one = rollout(ClickBandit(pure, greedy_arms(pure), algorithm, optimism_scaling=0.7))
    other = rollout(ClusterBandit(pure, algorithm, optimism_scaling=0.7))
    np.testing.assert_array_equal(one.slate, other.slate)
    np.testing.assert_array_equal(one.reward, other.reward)


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
