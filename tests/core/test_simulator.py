# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    UtilityVideos,
    interest_evolution,
)
from tests.alike import assert_close
from tests.core.toy import CORPUS_UNIT, toy_simulator
from tests.refusals import assert_refused
from tests.rollout_policies import first_positions, uniform_random

LIMITS = tf.constant([1.0, 2.0, 3.0])
SLATE = tf.constant([[1, 3], [0, 2], [2, 1]])


def small_interest_evolution(**arguments):
    return interest_evolution(
        slate_size=2,
        num_candidates=5,
        users=InterestEvolutionUsers(num_features=10, time_budget=8.0),
        documents=UtilityVideos(num_topics=10),
        **arguments,
    )


def count_steps(observation, policy_state, seed):
    """Shows at position 0 the candidate whose number is the policy's step count."""
    del seed, observation
    return policy_state[:, tf.newaxis], policy_state + 1


# The step.


def test_a_reward_may_read_the_state_in_which_users_responded():
    def reward(response, user):
        return tf.reduce_sum(response.clicked, axis=1) * user.level

    simulator = toy_simulator(reward_fn=reward)
    state = simulator.reset(3, seed=0)
    _, transition = simulator.step(state, SLATE, seed=1)
    np.testing.assert_allclose(transition.reward, 2 * state.user.level)
    trajectory = simulator.rollout(first_positions(2), 3, 2, seed=0)
    levels = simulator.replay(trajectory).user.level
    np.testing.assert_allclose(trajectory.transitions.reward, 2 * levels)


def test_a_step_goes_response_user_corpus_departure_candidates():
    simulator = toy_simulator(limit=1.0)
    state = simulator.reset(3, seed=0)
    level = state.user.level.numpy()
    next_state, transition = simulator.step(state, SLATE, seed=1)
    # The response is of the user as they were, to the documents that were on offer.
    np.testing.assert_array_equal(transition.response.level, np.tile(level[:, np.newaxis], 2))
    np.testing.assert_allclose(transition.draws.response, level, atol=0.6)
    np.testing.assert_array_equal(
        transition.response.value,
        np.take_along_axis(state.candidates.numpy(), SLATE.numpy(), axis=1),
    )
    np.testing.assert_array_equal(next_state.user.level, level + 1)
    # The corpus reads the response.
    np.testing.assert_array_equal(next_state.corpus.seen, level)
    np.testing.assert_array_equal(next_state.corpus.offset, state.corpus.offset)
    # Below 1 before the update, at least 1 after it.
    assert transition.terminated.numpy().all()
    # New candidates are for the updated corpus and user, also at the last step.
    np.testing.assert_allclose(
        next_state.candidates - CORPUS_UNIT, np.tile(level[:, np.newaxis] + 1, 4), atol=1e-3
    )
    assert_close(next_state.response, transition.response)
    np.testing.assert_array_equal(next_state.num_steps, np.ones(3))


def test_a_session_starts_with_a_blank_response_and_no_steps():
    state = toy_simulator().reset(3, seed=0)
    assert_close(state.response, tf.nest.map_structure(np.zeros_like, state.response))
    np.testing.assert_array_equal(state.num_steps, np.zeros(3))
    np.testing.assert_array_equal(state.done, np.zeros(3))
    np.testing.assert_allclose(
        state.candidates, np.tile(state.user.level[:, tf.newaxis], 4), atol=1e-3
    )


def test_observations_hold_what_the_models_show():
    simulator = toy_simulator()
    state = simulator.reset(3, seed=0)
    observation = simulator.observe(state)
    assert_close(observation, (state.user.level, state.candidates, state.response))


def test_agents_see_what_the_users_show_of_a_response_and_rewards_are_of_the_whole():
    simulator = toy_simulator()
    simulator.users.observe_response = lambda response: response._replace(
        clicked=response.clicked / 2
    )
    state, transition = simulator.step(simulator.reset(3, seed=0), SLATE, seed=1)
    np.testing.assert_array_equal(simulator.observe(state).response.clicked, np.full([3, 2], 0.5))
    np.testing.assert_array_equal(transition.response.clicked, np.ones([3, 2]))
    np.testing.assert_array_equal(transition.reward, [2, 2, 2])


def test_users_who_left_stay_as_they_are():
    simulator = toy_simulator(limit=LIMITS)
    states, transitions = [simulator.reset(3, seed=0)], []
    for seed in range(5):
        state, transition = simulator.step(states[-1], SLATE, seed)
        states.append(state)
        transitions.append(transition)
    np.testing.assert_array_equal(
        [t.active for t in transitions], [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    )
    np.testing.assert_array_equal(
        [t.terminated for t in transitions], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    )
    np.testing.assert_array_equal(
        [t.reward for t in transitions], 2 * np.array([t.active for t in transitions])
    )
    assert not np.any([t.truncated for t in transitions])
    for row, length in enumerate([1, 2, 3]):
        for later in states[length:]:
            assert_close(
                *(
                    tf.nest.map_structure(lambda leaf, row=row: leaf[row], state)
                    for state in (later, states[length])
                )
            )
    assert_close(states[5], states[3])


def test_time_limits_truncate_and_do_not_terminate():
    simulator = toy_simulator(limit=LIMITS, max_steps=2)
    transitions = simulator.rollout(first_positions(2), 3, 3, seed=0).transitions
    np.testing.assert_array_equal(transitions.terminated, [[1, 0, 0], [0, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(transitions.truncated, [[0, 0, 0], [0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(transitions.active, [[1, 1, 1], [0, 1, 1], [0, 0, 0]])


def test_replace_brings_new_users_into_the_rows_asked_for():
    simulator = toy_simulator()
    state, _ = simulator.step(simulator.reset(3, seed=0), SLATE, seed=1)
    who = tf.constant([False, True, False])
    replaced = simulator.replace(state, who, seed=2)
    for row in (0, 2):
        assert_close(
            *(
                tf.nest.map_structure(lambda leaf, row=row: leaf[row], nest)
                for nest in (replaced, state)
            )
        )
    assert 0 <= replaced.user.level[1] < 1
    assert replaced.num_steps[1] == 0
    assert_close(tf.nest.map_structure(lambda leaf: leaf[1], replaced.response), [np.zeros(2)] * 5)
    assert_close(replaced.corpus, state.corpus)
    np.testing.assert_allclose(
        replaced.candidates[1] - CORPUS_UNIT, np.full(4, replaced.user.level[1]), atol=1e-3
    )
    ended = state._replace(done=tf.constant([True, True, True]))
    assert simulator.replace(ended, who, seed=2).done.numpy().tolist() == [True, False, True]
    persistent = toy_simulator(resample_documents=False)
    state = persistent.reset(3, seed=0)
    replaced = persistent.replace(state, who, seed=2)
    assert_close((replaced.candidates, replaced.hidden), (state.candidates, state.hidden))


# Sessions in a row.


def test_auto_reset_seats_a_newcomer_in_the_same_step():
    simulator = toy_simulator(limit=LIMITS)
    trajectory = simulator.rollout(
        count_steps, 3, 6, seed=0, auto_reset=True, policy_state=tf.zeros([3], tf.int32)
    )
    transitions, states = trajectory.transitions, simulator.replay(trajectory)
    ends = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 0], [1, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(transitions.terminated, ends)
    assert transitions.active.numpy().all()
    steps = np.array([[0, 0, 0], [0, 1, 1], [0, 0, 2], [0, 1, 0], [0, 0, 1], [0, 1, 2]])
    np.testing.assert_array_equal(states.num_steps, steps)
    # The policy's state starts anew with its user.
    np.testing.assert_array_equal(transitions.slate[:, :, 0], steps)
    # A newcomer has seen no slate; their level is what was drawn.
    np.testing.assert_array_equal(states.response.clicked[:, :, 0], steps > 0)
    np.testing.assert_array_equal(
        states.user.level[1:][ends[:-1] == 1], trajectory.newcomers[:-1][ends[:-1] == 1]
    )
    assert not states.done.numpy().any()
    # The candidates are the newcomer's, of a corpus that goes on.
    updates = np.arange(6)[:, np.newaxis]
    np.testing.assert_allclose(
        states.candidates[:, :, 0] - CORPUS_UNIT * updates, states.user.level, atol=1e-2
    )


@pytest.mark.parametrize("auto_reset", [False, True])
def test_persistent_candidates_and_their_hidden_attributes_stay_for_ever(auto_reset):
    simulator = toy_simulator(limit=LIMITS, resample_documents=False)
    trajectory = simulator.rollout(uniform_random(2), 3, 5, seed=0, auto_reset=auto_reset)
    transitions, states = trajectory.transitions, simulator.replay(trajectory)
    assert (transitions.draws.candidates, transitions.draws.hidden) == ((), ())
    for step in range(5):
        np.testing.assert_array_equal(states.candidates[step], trajectory.initial.candidates)
        np.testing.assert_array_equal(states.hidden[step], trajectory.initial.hidden)
        slate = transitions.slate[step].numpy()
        np.testing.assert_array_equal(
            transitions.response.value[step],
            np.take_along_axis(states.candidates[step].numpy(), slate, 1),
        )
        np.testing.assert_array_equal(
            transitions.response.hidden[step],
            np.take_along_axis(states.hidden[step].numpy(), slate, 1),
        )


def test_new_candidates_come_at_each_step_by_default():
    simulator = small_interest_evolution()
    states = simulator.replay(simulator.rollout(first_positions(2), 20, 2, seed=0))
    assert (states.candidates[0] != states.candidates[1]).numpy().any()
    assert states.hidden == ()


# What a policy may return.


def test_short_slates_are_padded_and_their_empty_positions_are_not_chosen():
    simulator = small_interest_evolution(validate=True)
    trajectory = simulator.rollout(first_positions(1), 50, 3, seed=0)
    np.testing.assert_array_equal(trajectory.transitions.slate, np.tile([0, -1], [3, 50, 1]))
    clicked = trajectory.transitions.response.clicked.numpy()
    assert clicked[..., 0].any()
    assert not clicked[..., 1].any()


def test_int64_slates_are_taken():
    simulator = toy_simulator(validate=True)
    _, transition = simulator.step(simulator.reset(3, seed=0), tf.cast(SLATE, tf.int64), seed=1)
    assert transition.slate.dtype == tf.int32


@pytest.mark.parametrize(
    ("slate", "message"),
    [
        (tf.zeros([3, 2]), "slate must have dtype int32 or int64, got float32"),
        (
            tf.zeros([3], tf.int32),
            r"slate must have shape \[3, k\] with k <= slate_size=2, got \(3,\)",
        ),
        (
            tf.zeros([4, 2], tf.int32),
            r"slate must have shape \[3, k\] with k <= slate_size=2, got \(4, 2\)",
        ),
        (
            tf.zeros([3, 3], tf.int32),
            r"slate must have shape \[3, k\] with k <= slate_size=2, got \(3, 3\)",
        ),
    ],
    ids=["dtype", "vector", "users", "too long"],
)
def test_slates_of_the_wrong_format_are_refused_without_validate_too(slate, message):
    simulator = toy_simulator()
    state = simulator.reset(3, seed=0)
    assert_refused(lambda: simulator.step(state, slate, seed=1), message)
    with pytest.raises(ValueError, match=message):
        tf.function(lambda: simulator.step(state, slate, seed=1), autograph=False)()


@pytest.mark.parametrize(
    ("slate", "message"),
    [
        (
            [[0, 1], [0, 4], [0, 1]],
            r"slate must hold candidate positions in \[0, 4\), or -1 for an empty position",
        ),
        ([[0, 1], [3, 3], [0, 1]], "slate must not show a document twice"),
    ],
    ids=["above", "twice"],
)
def test_slates_with_bad_values_are_refused_with_validate(slate, message):
    simulator = toy_simulator(validate=True)
    state = simulator.reset(3, seed=0)
    assert_refused(lambda: simulator.step(state, slate, seed=1), message)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        tf.function(lambda: simulator.step(state, slate, seed=1), autograph=False)()


def test_duplicates_are_shown_where_they_are_allowed():
    simulator = toy_simulator(validate=True, allow_duplicates=True)
    state = simulator.reset(3, seed=0)
    _, transition = simulator.step(state, [[3, 3]] * 3, seed=1)
    np.testing.assert_array_equal(transition.response.value[:, 0], state.candidates[:, 3])
    np.testing.assert_array_equal(transition.response.value[:, 1], state.candidates[:, 3])


def test_empty_positions_are_no_duplicates():
    simulator = toy_simulator(validate=True)
    _, transition = simulator.step(simulator.reset(3, seed=0), [[-1, -1]] * 3, seed=1)
    np.testing.assert_array_equal(transition.reward, np.zeros(3))


def test_sizes_out_of_range_are_refused_at_construction():
    message = r"slate_size must be in \[1, num_candidates=10\], got 12"
    assert_refused(lambda: toy_simulator(slate_size=12, num_candidates=10), message)


# Rollouts, folds, replays.


@pytest.mark.parametrize("auto_reset", [False, True])
def test_fold_sees_the_transitions_of_the_rollout(auto_reset):
    simulator = toy_simulator(limit=LIMITS)
    arguments = {"num_users": 3, "num_steps": 4, "seed": 5, "auto_reset": auto_reset}
    transitions = simulator.rollout(uniform_random(2), **arguments).transitions

    def remember(carry, transition):
        step, memory = carry
        return step + 1, tf.nest.map_structure(
            lambda array, leaf: array.write(step, leaf), memory, transition
        )

    memory = tf.nest.map_structure(
        lambda leaf: tf.TensorArray(leaf.dtype, 4, element_shape=leaf.shape[1:]), transitions
    )
    num_steps, memory = simulator.fold(
        uniform_random(2), **arguments, function=remember, initial=(0, memory)
    )
    # Without newcomers, it ends with the last user, who leaves at step 3.
    assert num_steps == (4 if auto_reset else 3)
    for leaf, array in zip(tf.nest.flatten(transitions), tf.nest.flatten(memory), strict=True):
        np.testing.assert_array_equal(leaf[:num_steps], array.stack()[:num_steps])


@pytest.mark.parametrize("auto_reset", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        small_interest_evolution,
        lambda **kw: toy_simulator(limit=tf.constant([1.0, 2.0, 3.0, 3.0]), **kw),
    ],
)
@pytest.mark.parametrize("resample_documents", [False, True])
def test_replay_recomputes_what_the_policy_saw(make, auto_reset, resample_documents):
    simulator = make(resample_documents=resample_documents)
    observations = []

    def policy(observation, policy_state, seed):
        observations.append(observation)
        return uniform_random(2)(observation, policy_state, seed)

    trajectory = simulator.rollout(policy, 4, 5, seed=1, auto_reset=auto_reset)
    states = simulator.replay(trajectory)
    for step, observation in enumerate(observations):
        replayed = simulator.observe(
            tf.nest.map_structure(lambda leaf, step=step: leaf[step], states)
        )
        assert_close(replayed, observation)
    assert len(observations) == 5


def test_a_rollout_is_the_steps_from_its_initial_state():
    simulator = toy_simulator(limit=LIMITS)
    trajectory = simulator.rollout(first_positions(2), 3, 4, seed=0)
    state = simulator.initial_state(trajectory.initial)
    for step in range(4):
        np.testing.assert_array_equal(trajectory.transitions.active[step], ~state.done)
        np.testing.assert_array_equal(
            trajectory.transitions.response.level[step, :, 0],
            state.user.level,
        )
        state, _ = simulator.step(
            state, first_positions(2)(simulator.observe(state), (), None)[0], seed=step
        )


def test_a_corpus_with_state_goes_through_a_rollout():
    simulator = toy_simulator(limit=LIMITS)
    trajectory = simulator.rollout(first_positions(2), 3, 4, seed=0)
    states = simulator.replay(trajectory)
    level = states.user.level[0].numpy()
    np.testing.assert_array_equal(
        states.corpus.num_updates, [[0, 0, 0], [1, 1, 1], [1, 2, 2], [1, 2, 3]]
    )
    seen = [
        [0, 0, 0],
        level,
        [level[0], *(2 * level[1:] + 1)],
        [level[0], 2 * level[1] + 1, 3 * level[2] + 3],
    ]
    np.testing.assert_allclose(states.corpus.seen, seen, rtol=1e-6)
    np.testing.assert_array_equal(states.corpus.offset, np.tile(trajectory.initial.corpus, [4, 1]))
