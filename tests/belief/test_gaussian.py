# SPDX-License-Identifier: Apache-2.0
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.belief import GaussianBelief, TypesBelief
from recsim_tf.core import nests
from recsim_tf.core.base.types import Clicks
from recsim_tf.core.runs.execution import compiled
from tests.belief.users import Answerers, Choosers, Walkers, choices, normal_tastes, slates
from tests.refusals import assert_refused
from tests.rollout_policies import uniform_random

INF = float("inf")
TYPES = np.zeros([5, 3], "f")
SCALE = np.float32([[1.0, 0.0], [0.5, 0.8]])
YES, NO = (Clicks(tf.fill([3, 1], answer)) for answer in (1.0, 0.0))
QUESTION = slates(np.zeros([3, 1, 1], "f"))


class Draws(NamedTuple):
    """One field of each family."""

    taste: Any  # [B, 2]
    spending: Any  # [B], positive
    senses: Any  # int32 [B, 3]
    new: Any  # int32 [B]
    patience: Any  # [B]


def every_family(num_users):
    ones = tf.ones([num_users])
    return tfd.JointDistributionNamed(
        Draws(
            taste=tfd.MultivariateNormalTriL(tf.tile([[1.0, -1.0]], [num_users, 1]), SCALE),
            spending=tfd.LogNormal(0.5 * ones, 0.4),
            senses=tfd.Sample(tfd.Categorical(probs=tf.tile([[0.5, 0.3, 0.2]], [num_users, 1])), 3),
            new=lambda: tfd.Bernoulli(probs=0.25 * ones),
            patience=tfd.Deterministic(3 * ones),
        )
    )


def random_pairs(num_users, num_factors, num_steps, seed=0):
    features = np.random.default_rng(seed).normal(size=[num_steps, num_users, 2, num_factors])
    return [slates(each.astype("f")) for each in features]


def leaves_equal(one, other):
    pairs = zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True)
    return all(np.array_equal(*pair) for pair in pairs)


def test_zeros_are_the_prior():
    belief = GaussianBelief(Choosers(prior=every_family), num_particles=200)
    belief_state = belief.initial_state(3)
    assert all(not np.any(leaf) for leaf in tf.nest.flatten(belief_state))
    state, weights = belief.particles(belief_state)
    np.testing.assert_allclose(weights, np.full([3, 200], 1 / 200), rtol=1e-6)
    expected = [[3, 200, 2], [3, 200], [3, 200, 3], [3, 200], [3, 200]]
    assert [leaf.shape for leaf in state] == expected
    np.testing.assert_allclose(np.mean(state.taste, axis=1), [[1, -1]] * 3, atol=1e-5)
    normals = np.concatenate([state.taste[0], np.log(state.spending[0])[:, np.newaxis]], axis=1)
    covariance = np.zeros([3, 3])
    covariance[:2, :2], covariance[2, 2] = SCALE @ SCALE.T, 0.4**2
    np.testing.assert_allclose(np.cov(normals.T, bias=True), covariance, atol=1e-5)
    mean, found = belief.moments(belief_state)
    np.testing.assert_allclose(mean[1], [1, -1, 0.5], atol=1e-6)
    np.testing.assert_allclose(found[1], covariance, atol=1e-6)
    # A stratum more or less.
    shares = np.mean(state.senses[0].numpy()[..., np.newaxis] == np.arange(3), axis=0)
    np.testing.assert_allclose(shares, [[0.5, 0.3, 0.2]] * 3, atol=2 / 100)
    assert np.mean(state.new) == pytest.approx(0.25, abs=2 / 100)
    np.testing.assert_array_equal(state.patience, np.full([3, 200], 3))
    senses, new = belief.probs(belief_state)
    np.testing.assert_allclose(senses[2], [[0.5, 0.3, 0.2]] * 3, rtol=1e-6)
    np.testing.assert_allclose(new[2], [0.75, 0.25], rtol=1e-6)


def test_a_probit_answer_has_its_exact_moments():
    belief = GaussianBelief(Answerers(), num_particles=512)
    prior = belief.initial_state(3)
    state, weights = belief.particles(prior)
    yes = tfd.Normal(0.0, 1.0).cdf(state / 0.7)
    assert np.sum(weights * yes, axis=1) == pytest.approx(0.5563716, abs=0.01)
    mean, covariance = belief.moments(belief.update(prior, QUESTION, YES))
    deviation = np.sqrt(0.8164501)
    np.testing.assert_allclose(mean[:, 0], 0.9548229, atol=0.03 * deviation)
    np.testing.assert_allclose(covariance[:, 0, 0], 0.8164501, rtol=0.03)
    # What yes and no say, each with its probability, is the prior.
    other, _ = belief.moments(belief.update(prior, QUESTION, NO))
    np.testing.assert_allclose(
        0.5563716 * mean + (1 - 0.5563716) * other, [[0.2]] * 3, atol=0.03 * deviation
    )


def test_choices_have_the_posterior_of_many_types():
    num_users, users = 4, Choosers(prior=normal_tastes(3), no_click_mass=-INF)
    types = np.random.default_rng(2).normal(size=[20_000, 3]).astype("f")
    exact, belief = TypesBelief(users, types), GaussianBelief(users, num_particles=512)
    states = exact.initial_state(num_users), belief.initial_state(num_users)
    for step, slate in enumerate(random_pairs(num_users, 3, 4)):
        seen = choices(users, tf.constant(types[:num_users]), slate, step)
        states = exact.update(states[0], slate, seen), belief.update(states[1], slate, seen)
    weights = exact.particles(states[0]).weights.numpy()
    expected = weights @ types
    deviations = np.sqrt(weights @ types**2 - expected**2)
    mean, covariance = belief.moments(states[1])
    error = (mean - expected) / deviations
    # A normal posterior is an approximation, too.
    assert np.sqrt(np.mean(error**2)) < 0.12
    np.testing.assert_allclose(
        np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)), deviations, rtol=0.15
    )


def test_a_linear_gaussian_random_walk_has_the_moments_of_the_kalman_filter():
    users = Walkers()
    belief = GaussianBelief(users, num_particles=1000)
    belief_state = belief.initial_state(2)
    scale = np.array([[1.0, 0.0], [0.6, 0.5]])
    mean, covariance = np.tile([0.5, -0.2], [2, 1]), np.tile(scale @ scale.T, [2, 1, 1])
    generator = np.random.default_rng(0)
    for _ in range(5):
        feature, rating = generator.normal(size=[2, 1, 2]), generator.normal(size=[2, 1])
        belief_state = belief.update(
            belief_state, slates(feature.astype("f")), Clicks(tf.constant(rating, tf.float32))
        )
        gain = covariance @ feature.transpose(0, 2, 1)
        gain /= feature @ gain + users.rating_stddev**2
        error = rating - np.einsum("bkf,bf->bk", feature, mean)
        mean = users.decay * (mean + gain[:, :, 0] * error)
        covariance = users.decay**2 * (covariance - gain @ feature @ covariance)
        covariance += users.innovation_stddev**2 * np.eye(2)
    found_mean, found_covariance = belief.moments(belief_state)
    deviations = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    assert np.abs((found_mean - mean) / deviations).max() < 0.1
    np.testing.assert_allclose(found_covariance, covariance, atol=0.1)


class Senses(Choosers):
    """Users whose taste is the row of their sense."""

    def taste(self, state):
        return tf.gather(tf.constant([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]), state)


def test_categories_have_the_probabilities_of_bayes():
    # The last is so rare that no particle has it.
    probs = [0.6, 0.3995, 0.0005]
    users = Senses(prior=lambda num_users: tfd.Categorical(probs=tf.tile([probs], [num_users, 1])))
    belief, exact = GaussianBelief(users, 64), TypesBelief(users, np.arange(2), [0.6, 0.4])
    states = belief.initial_state(4), exact.initial_state(4)
    for step, slate in enumerate(random_pairs(4, 2, 3)):
        seen = choices(users, tf.constant([0, 1, 0, 1]), slate, step)
        states = belief.update(states[0], slate, seen), exact.update(states[1], slate, seen)
    (found,) = belief.probs(states[0])
    assert (found[:, 2] > 1e-4).numpy().all()
    weights = exact.particles(states[1]).weights
    assert np.ptp(weights) > 0.1
    np.testing.assert_allclose(
        found[:, 0] / found[:, 1], 0.4 / 0.3995 * weights[:, 0] / weights[:, 1], rtol=1e-4
    )


def test_a_category_of_one_particle_has_its_probability_too():
    probs = np.float32([0.5, 31 / 64, 1 / 64])
    users = Senses(prior=lambda num_users: tfd.Categorical(probs=tf.tile([probs], [num_users, 1])))
    belief, exact = GaussianBelief(users, 64), TypesBelief(users, np.arange(3), probs)
    states, (slate,) = (belief.initial_state(4), exact.initial_state(4)), random_pairs(4, 2, 1)
    seen = choices(users, tf.constant([0, 1, 2, 2]), slate, 0)
    (found,) = belief.probs(belief.update(states[0], slate, seen))
    expected = exact.particles(exact.update(states[1], slate, seen)).weights
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_turn_that_says_nothing_changes_nothing():
    users = Choosers(prior=normal_tastes(3))
    belief = GaussianBelief(users)
    first, second = random_pairs(4, 3, 2)
    seen = choices(users, tf.ones([4, 3]), first, 0)
    before = belief.update(belief.initial_state(4), first, seen)
    assert not leaves_equal(before, belief.initial_state(4))
    blank = second._replace(mask=tf.constant([[False, False]] * 3 + [[True, True]]))
    after = belief.update(before, blank, Clicks(tf.zeros([4, 2])))
    assert leaves_equal(nests.at_step(before, [0, 1, 2]), nests.at_step(after, [0, 1, 2]))
    assert not leaves_equal(nests.at_step(before, 3), nests.at_step(after, 3))


def test_sharp_and_impossible_evidence_leave_finite_moments_and_gradients():
    users = Choosers(prior=normal_tastes(3), no_click_mass=-INF)
    belief = GaussianBelief(users, num_particles=32)
    features = np.random.default_rng(0).normal(size=[2, 8, 3]).astype("f")
    first, nothing = Clicks(tf.eye(2, 8)), Clicks(tf.zeros([2, 8]))

    @compiled
    def update(belief_state, factor, seen):
        with tf.GradientTape() as tape:
            tape.watch(factor)
            belief_state = belief.update(belief_state, slates(factor * features), seen)
            mean, covariance = belief.moments(belief_state)
            loss = tf.reduce_sum(mean) + tf.reduce_sum(covariance)
        return belief_state, covariance, tape.gradient(loss, factor)

    belief_state, factor = belief.initial_state(2), tf.constant(1e5)
    belief_state, covariance, gradient = update(belief_state, factor, first)
    # 1 in 8 particles explains the choice, so it is believed in part.
    assert (np.linalg.eigvalsh(covariance) > 0.02).all()
    assert np.isfinite(gradient)
    for _ in range(30):
        belief_state, covariance, gradient = update(belief_state, factor, first)
    assert np.isfinite(gradient)
    assert (np.linalg.eigvalsh(covariance) > 0).all()
    impossible, _, gradient = update(belief_state, factor, nothing)
    assert leaves_equal(impossible, belief_state)
    assert gradient == 0


def test_what_no_draw_decides_moves_with_the_turns():
    simulator = recsim_tf.make("DriftingTaste-v0", slate_size=2, num_candidates=5)
    belief = GaussianBelief(simulator.users, num_particles=64)
    trajectory = simulator.rollout(uniform_random(2), 3, 3, seed=0)
    states = simulator.replay(trajectory)
    belief_state = belief.initial_state(3)
    for step in range(2):
        state, transition = nests.at_step((states, trajectory.transitions), step)
        shown = simulator.shown(state, transition)
        belief_state = belief.update(belief_state, shown, transition.response)
    state, _ = belief.particles(belief_state)
    drift = states.user.drift[2]
    assert np.abs(drift).max() > 0.1
    np.testing.assert_allclose(state.drift, np.repeat(drift[:, np.newaxis], 64, 1), atol=1e-5)
    np.testing.assert_allclose(
        np.mean(state.initial_taste, axis=1), belief.moments(belief_state)[0], atol=1e-5
    )


def test_the_belief_is_differentiable_in_the_parameters_of_the_users():
    def loss(values):
        users = Answerers(**dict(zip(("loc", "scale", "link_stddev"), values, strict=True)))
        belief = GaussianBelief(users, num_particles=64)
        once = belief.update(belief.initial_state(3), QUESTION, YES)
        mean, covariance = belief.moments(belief.update(once, QUESTION, NO))
        return mean[0, 0] + covariance[0, 0, 0]

    values = [tf.constant(value) for value in (0.2, 1.2, 0.7)]
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = loss(values)
    for index, gradient in enumerate(tape.gradient(found, values)):
        moved = [
            loss([value + step * (index == other) for other, value in enumerate(values)])
            for step in (1e-2, -1e-2)
        ]
        np.testing.assert_allclose(gradient, (moved[0] - moved[1]) / 2e-2, rtol=0.02)


@pytest.mark.slow
def test_graph_and_xla_believe_as_eager_does():
    # Its tastes are uniform, and move with innovations; its budget falls.
    simulator = recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=5)
    belief = GaussianBelief(simulator.users, num_particles=64)
    trajectory = simulator.rollout(uniform_random(2), 4, 2, seed=0)
    states = simulator.replay(trajectory)
    state, transition = nests.at_step((states, trajectory.transitions), 0)
    shown = simulator.shown(state, transition)

    def believed(shown, seen):
        belief_state = belief.update(belief.initial_state(4), shown, seen)
        return belief_state, belief.particles(belief_state)

    expected = believed(shown, transition.response)
    assert all(np.isfinite(leaf).all() for leaf in tf.nest.flatten(expected))
    assert not leaves_equal(expected[0], belief.initial_state(4))
    for jit_compile in (False, True):
        found = compiled(believed, jit_compile=jit_compile)(shown, transition.response)
        for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
            assert one.shape.is_fully_defined()
            np.testing.assert_allclose(one, other, atol=1e-4, rtol=1e-4)


def prior_of(**parts):
    return Choosers(prior=lambda num_users: tfd.JointDistributionNamed(parts))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: GaussianBelief(prior_of(taste=tfd.Independent(tfd.Gamma([[1.0]], 1.0), 1))),
            "taste must be Normal, MultivariateNormal, .* or Deterministic, for a GaussianBelief,"
            " got Gamma",
        ),
        (
            lambda: GaussianBelief(recsim_tf.make("InterestExploration-v1").users),
            "affinity must be drawn independently of other draws, for a GaussianBelief, got a"
            " distribution that depends on user_type",
        ),
        (
            lambda: GaussianBelief(prior_of(patience=tfd.Deterministic([1.0]))),
            "initial_draws must make users differ, for a GaussianBelief, got the same for all users"
            " of Choosers",
        ),
        (
            lambda: GaussianBelief(Choosers(prior=normal_tastes(10)), num_particles=22),
            "num_particles must be even and at least 24, for 10 normal coordinates, got 22",
        ),
        (
            lambda: GaussianBelief(recsim_tf.make("LongTermSatisfaction-v1").users),
            "initial_state of users who change must pass on the initial draw as it is, for a"
            " GaussianBelief, got a state of LongTermSatisfactionUsers without it",
        ),
        (
            lambda: TypesBelief(Choosers(prior=normal_tastes(3)), TYPES, (0.5, 0.5)),
            r"probs must have shape \[num_types=5\]",
        ),
        (
            lambda: TypesBelief(Choosers(prior=normal_tastes(3)), (TYPES, TYPES[:2])),
            r"draws must have the types as leading axis \[P, ...\], got \(5, 3\), \(2, 3\)",
        ),
        (
            lambda: TypesBelief(
                recsim_tf.drifting_taste().users.with_parameters({"gain": np.ones([4, 16])}), TYPES
            ),
            r"users must have one value of gain for all users, got the shape \(4, 16\)",
        ),
        (
            lambda: TypesBelief(Walkers(), TYPES[:, :2]).update(
                TypesBelief(Walkers(), TYPES[:, :2]).initial_state(2),
                slates(np.ones([2, 1, 2], "f")),
                Clicks(tf.zeros([2, 1])),
            ),
            "users of a TypesBelief must change without innovations",
        ),
    ],
)
def test_a_mistake_is_one_line(make, message):
    assert_refused(make, message)
