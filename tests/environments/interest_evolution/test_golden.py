# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.choice import MultinomialProportional
from recsim_tf.core.base.types import Slate
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    UserState,
    UtilityVideos,
)
from recsim_tf.environments.interest_evolution.documents import ShownVideo
from tests import golden

CHOICE_PARAMETERS = ("no_click_mass", "min_normalizer")
USER_PARAMETERS = (
    "user_update_alpha",
    "user_quality_factor",
    "document_quality_factor",
    "step_penalty",
    "alpha_x_intercept",
    "alpha_y_intercept",
)
# Directions of the drift keep this distance from 0 and 1, where RecSim's may be outside.
CLIPPED = 1e-6


def float64(values):
    return tf.constant([values], tf.float64)


@pytest.mark.parametrize("record", golden.cases("interest_evolution_transition"))
def test_a_step_of_the_user_model_is_that_of_recsim(record):
    inputs, expected = record["inputs"], record["outputs"]
    assert inputs["choice_model"] == "proportional"
    users = InterestEvolutionUsers(
        dtype=tf.float64,
        choice_model=MultinomialProportional(**{name: inputs[name] for name in CHOICE_PARAMETERS}),
        **{name: inputs[name] for name in USER_PARAMETERS},
    )
    state = UserState(float64(inputs["user_interests"]), float64(inputs["time_budget"]))
    features = float64(inputs["doc_features"])
    num_documents = features.shape[1]
    slate = Slate(
        ShownVideo(
            features=features,
            cluster_id=tf.argmax(features, -1, output_type=tf.int32),
            length=float64(inputs["doc_length"]),
            quality=float64(inputs["doc_quality"]),
        ),
        mask=tf.ones([1, num_documents], tf.bool),
    )
    no_click = inputs["clicked"] is None

    probs = users.response(state, slate).probs[0]
    np.testing.assert_allclose(
        probs, [*expected["click_probs"], expected["prob_no_click"]], rtol=1e-9
    )

    response = users.outcome(
        state, slate, tf.constant([num_documents if no_click else inputs["clicked"]])
    )
    position = np.arange(num_documents) == inputs["clicked"]
    np.testing.assert_array_equal(response.clicked[0], position)
    np.testing.assert_allclose(response.watch_time[0], position * expected["watch_time"], rtol=1e-9)
    np.testing.assert_array_equal(response.quality, slate.documents.quality)
    np.testing.assert_array_equal(response.cluster_id, slate.documents.cluster_id)
    np.testing.assert_array_equal(response.liked, np.zeros([1, num_documents]))

    innovation = users.innovation(state, slate, response)
    after = {
        direction: users.update(state, slate, response, tf.constant([direction]))
        for direction in (0, 1)
    }
    for next_state in after.values():
        np.testing.assert_allclose(next_state.budget[0], expected["time_budget_after"], rtol=1e-9)
        assert bool(users.departure(next_state)[0]) == expected["terminal_after"]
    if no_click:
        assert not innovation.validity_mask[0]
        for next_state in after.values():
            np.testing.assert_array_equal(next_state.interests[0], expected["interests_after"])
        return
    prob = innovation.distribution.probs_parameter()[0]
    assert innovation.validity_mask[0]
    np.testing.assert_allclose(
        prob, np.clip(expected["prob_positive"], CLIPPED, 1 - CLIPPED), rtol=1e-9
    )
    np.testing.assert_allclose(
        after[1].interests[0], expected["interests_after_positive"], rtol=1e-9, atol=1e-15
    )
    np.testing.assert_allclose(
        after[0].interests[0], expected["interests_after_negative"], rtol=1e-9, atol=1e-15
    )
    mean = prob * after[1].interests[0] + (1 - prob) * after[0].interests[0]
    atol = 2 * CLIPPED if not 0 < expected["prob_positive"] < 1 else 1e-12
    np.testing.assert_allclose(mean, expected["interests_after_expected"], rtol=1e-9, atol=atol)


@pytest.mark.parametrize("record", golden.cases("interest_evolution_defaults"))
def test_default_constants_are_those_of_recsim(record):
    expected = record["outputs"]
    users, videos = InterestEvolutionUsers(), UtilityVideos(dtype=tf.float64)
    found = {**users.parameters(), **users.choice_model.parameters()}
    for name in ("time_budget", "step_penalty", *CHOICE_PARAMETERS, *USER_PARAMETERS[:3]):
        assert found[name] == pytest.approx(expected[name], rel=1e-12), name
    assert users.num_features == videos.num_topics == record["inputs"]["num_clusters"]
    assert (videos.min_utility, videos.max_utility) == (
        record["inputs"]["min_utility"],
        record["inputs"]["max_utility"],
    )
    np.testing.assert_allclose(
        videos.mean_quality(), expected["cluster_quality_means"], rtol=1e-12, atol=1e-15
    )
    topics = tf.tile(tf.range(20)[tf.newaxis], [2, 1])
    documents = videos.describe(topics, ())
    np.testing.assert_array_equal(documents.features, np.tile(np.eye(20), [2, 1, 1]))
    np.testing.assert_array_equal(documents.cluster_id, topics)
    np.testing.assert_array_equal(documents.length, np.full([2, 20], expected["video_length"]))
    quality = videos.reveal(documents).distribution
    np.testing.assert_allclose(
        quality.loc, np.tile(expected["cluster_quality_means"], [2, 1]), rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose(quality.scale, expected["quality_stddev"], rtol=1e-12)
