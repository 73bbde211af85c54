# SPDX-License-Identifier: Apache-2.0
"""Policies that are written in NumPy."""

import numpy as np
import pytest

import recsim_tf
from recsim_tf import evaluation, policies


@pytest.fixture(name="simulator", scope="module")
def fixture_simulator():
    return recsim_tf.interest_evolution(slate_size=2, num_candidates=6)


def liked(observation, generator):
    scores = np.einsum("bd,bnd->bn", observation.user, observation.documents)
    return np.argsort(-scores, axis=1)[:, :2]


def test_a_function_of_arrays_is_a_policy(simulator):
    policy = policies.numpy_policy(liked, slate_size=2)
    trajectory = simulator.rollout(policy, 20, 3, seed=0)
    np.testing.assert_array_equal(trajectory.transitions.slate[0].shape, [20, 2])
    seen = simulator.observe(simulator.initial_state(trajectory.initial))
    arrays = seen._replace(user=seen.user.numpy(), documents=seen.documents.numpy())
    np.testing.assert_array_equal(trajectory.transitions.slate[0], liked(arrays, None))
    results = evaluation.Evaluation(50, 3).evaluate(simulator, {"liked": policy})
    assert results[0]["return"].value > 0


def test_its_random_numbers_come_from_the_seed(simulator):
    def any_two(observation, generator):
        return generator.permuted(np.tile(np.arange(6), [20, 1]), axis=1)[:, :2]

    policy = policies.numpy_policy(any_two, 2)
    first, again, other = (simulator.rollout(policy, 20, 3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.transitions.slate, again.transitions.slate)
    assert np.any(first.transitions.slate != other.transitions.slate)
    # Each step has numbers of its own.
    assert np.any(first.transitions.slate[0] != first.transitions.slate[1])


def test_slates_of_another_form_are_refused(simulator):
    policy = policies.numpy_policy(lambda observation, generator: np.zeros([3]), 2)
    with pytest.raises(Exception, match=r"must return integers \[4, 2\], got float64 \[3\]"):
        simulator.rollout(policy, 4, 1, seed=0)


@pytest.mark.parametrize("position", [2**32, -(2**32), 6, -2])
def test_a_position_of_no_candidate_is_refused_and_not_wrapped(simulator, position):
    policy = policies.numpy_policy(lambda *_: np.array([[0, position]] * 4), 2)
    message = rf"must return positions in \[-1, 6\), got {position}"
    for num_steps in (1, 40):
        with pytest.raises(Exception, match=message):
            simulator.rollout(policy, 4, num_steps, seed=0)


def test_numpy_in_a_graph_says_what_to_write(simulator):
    def forgotten(observation, policy_state, seed):
        return liked(observation, None), policy_state

    with pytest.raises(ValueError, match=r"policies\.numpy_policy\(function, slate_size\)"):
        evaluation.Evaluation(4, 1).evaluate(simulator, {"forgotten": forgotten})
