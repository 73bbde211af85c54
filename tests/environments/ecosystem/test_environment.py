# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.core.base.types import Observation
from recsim_tf.core.random import as_seed, sample
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.ecosystem import (
    Attention,
    ClusteredUsers,
    Document,
    Providers,
    provider_layout,
)
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.policies import Boosting, random_policy

MEANS = np.float32([[1, 0], [0, 1], [1, 1], [0, 0]])


def small(users_per_world=50, **arguments):
    return recsim_tf.make("Ecosystem-v0", means=MEANS, users_per_world=users_per_world, **arguments)


@pytest.mark.slow
def test_the_first_step_has_the_utility_of_recsim_ng():
    """RecSim NG's test: about -14, within 5 %."""
    simulator = small(users_per_world=2000)

    @compiled(jit_compile=True)
    def run(seed):
        return simulator.rollout(Boosting(simulator, cap=0.0), 20000, 1, seed).transitions.reward

    assert run(as_seed(0)).numpy().mean() == pytest.approx(-14, rel=0.05)


def test_a_layout_is_that_of_numpy_after_its_seed():
    np.random.seed(3)
    centres = np.float32(8 * np.random.randn(5, 2))
    expected = [np.float32(0.5**0.5 * np.random.randn(3, 2)) + centre for centre in centres]
    np.testing.assert_allclose(
        provider_layout(3, num_clusters=5, providers_per_cluster=3), np.vstack(expected), rtol=1e-6
    )


def test_users_crowd_where_providers_are_near_the_centre():
    users = ClusteredUsers([[0.0, 0.0], [3.0, 4.0]], core_stddev=0.6)
    interests = sample(users.initial_draws(30_000), as_seed(0)).numpy()
    near = np.linalg.norm(interests, axis=1) < 3.5
    # In proportion to 1 / (1 + |mean|); a standard error is 0.002.
    assert near.mean() == pytest.approx(6 / 7, abs=0.008)
    for cluster, mean, stddev in ((near, [0, 0], 0.6), (~near, [3, 4], 0.6 / 6)):
        np.testing.assert_allclose(interests[cluster].mean(axis=0), mean, atol=0.015)
        np.testing.assert_allclose(interests[cluster].std(axis=0), stddev, rtol=0.05)


@pytest.mark.slow
def test_attention_is_the_discounted_clicks_of_a_world():
    simulator = small()
    run = compiled(lambda: simulator.rollout(Boosting(simulator), 100, 4, 1), jit_compile=True)
    trajectory = run()
    states = simulator.replay(trajectory)
    discounted, clicks = np.zeros((2, 4)), np.zeros((2, 4))
    for step in range(4):
        np.testing.assert_allclose(states.corpus.discounted[step], discounted, rtol=1e-6)
        np.testing.assert_array_equal(states.corpus.clicks[step], clicks)
        response = trajectory.transitions.response
        chosen = (response.clicked[step].numpy() * response.cluster_id[step].numpy()).sum(axis=1)
        chosen = chosen.astype(int).reshape(2, 50)
        counts = np.stack([np.bincount(world, minlength=4) for world in chosen])
        discounted, clicks = 0.96 * discounted + counts, clicks + counts


def test_a_boost_shows_those_who_got_few_clicks():
    simulator = small()
    state = simulator.reset(50, 0)
    lead = tf.constant([[30.0, 10.0, -20.0, -20.0]])
    state = state._replace(corpus=state.corpus._replace(clicks=lead))
    observation = simulator.observe(state)
    np.testing.assert_array_equal(
        observation.documents.lead[0], tf.gather(lead[0], state.candidates.cluster_id[0])
    )
    for cap, least, most in ((0.0, 0.0, 1.0), (1000.0, 0.9, 1.0)):
        slate, _ = Boosting(simulator, cap=cap)(observation, (), as_seed(1))
        shown = tf.gather(observation.documents.lead, slate, batch_dims=1).numpy()
        assert least <= (shown < 0).mean() <= most
    myopic, _ = Boosting(simulator, cap=0.0)(observation, (), as_seed(2))
    distance = np.linalg.norm(
        observation.user.numpy()[:, np.newaxis] - observation.documents.features, axis=-1
    )
    np.testing.assert_array_equal(myopic, np.argsort(distance, axis=1)[:, :3])


@pytest.mark.parametrize("lead", [[5.0, 0.0], [0.0, -5.0]])
def test_a_boost_is_for_few_clicks_and_against_many(lead):
    """Of two providers, one has documents that are 0.6 closer to users. A cap of 1.2 makes up for
    it in half of the draws, be it that the closer has many clicks or that the other has few.
    """
    num_users = 4000
    features = tf.tile([[[0.0, 0.0], [0.0, 0.6]]], [num_users, 1, 1])
    cluster_id = tf.tile([[0, 1]], [num_users, 1])
    documents = Document(cluster_id, features, tf.tile([lead], [num_users, 1]))
    observation = Observation(tf.zeros([num_users, 2]), documents, ())
    slate, _ = Boosting(small(slate_size=1), cap=1.2)(observation, (), as_seed(0))
    # A standard error is 0.008.
    assert np.mean(slate == 0) == pytest.approx(0.5, abs=0.032)


def test_documents_come_from_providers_in_proportion_to_their_attention():
    corpus = Attention(
        discounted=tf.constant([[0.0, 1.0, 2.0, 9.0]]),
        clicks=tf.constant([[3.0, 1.0, 2.0, 9.0]]),
        present=tf.constant([[1.0, 1.0, 1.0, 0.0]]),
    )
    for popularity in (1.0, 2.0):
        documents = Providers(MEANS, popularity)
        provider = documents.candidates(1, 5, corpus, ()).model.cluster_id.distribution
        weights = np.float32([1, 2, 3, 0]) ** popularity
        expected = np.tile(weights / weights.sum(), (1, 5, 1))
        np.testing.assert_allclose(provider.probs_parameter(), expected, rtol=1e-5)


def test_providers_without_attention_leave_and_make_no_more_documents():
    documents = Providers(MEANS, leaving_hazard=1.0, viability=1e6)
    simulator = small(documents=documents)
    trajectory = simulator.rollout(random_policy(simulator), 100, 4, 0)
    present = simulator.replay(trajectory).corpus.present.numpy()
    np.testing.assert_array_equal(present[:2], 1)
    np.testing.assert_array_equal(present[2].sum(axis=1), 1)
    made_by = trajectory.transitions.draws.candidates.cluster_id[2:].numpy()
    for world in range(2):
        assert set(made_by[:, world].flat) == {present[2, world].argmax()}
    assert np.isfinite(simulator.log_prob(trajectory).total).all()


@pytest.mark.slow
@pytest.mark.parametrize("users_per_world", [20, None])
def test_caps_side_by_side_have_the_results_of_separate_evaluations(users_per_world):
    simulator = small(users_per_world, max_steps=5)
    options = {"num_users": 40, "jit_compile": False}
    caps, seeds = (0.0, 4.8), (3, 4)
    together = Evaluation(compare={"policy.cap": caps}, seeds=seeds, **options)
    found = together.results(simulator, lambda simulator: {"boosting": Boosting(simulator)})
    settings = [(cap, seed) for cap in caps for seed in seeds]
    for result, (cap, seed) in zip(found, settings, strict=True):
        alone = Evaluation(seed=seed, **options)
        policies = {"boosting": Boosting(simulator, cap=cap)}
        (expected,) = alone.evaluate(simulator, policies)
        np.testing.assert_array_equal(result.sessions["return"], expected.sessions["return"])
        # A single world has no standard error.
        np.testing.assert_equal(result["return"], expected["return"])


@pytest.mark.slow
def test_standard_errors_are_those_of_worlds():
    simulator = small(20, max_steps=3)
    evaluation = Evaluation(60, jit_compile=False)
    (result,) = evaluation.evaluate(simulator, {"boosting": Boosting(simulator)})
    by_world = result.sessions["return"].reshape(3, 20).mean(axis=1)
    assert result["return"].standard_error == pytest.approx(by_world.std(ddof=1) / 3**0.5)
