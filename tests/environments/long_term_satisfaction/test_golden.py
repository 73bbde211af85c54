import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.types import Slate
from recsim_tf.environments.long_term_satisfaction import (
    Document,
    LongTermSatisfactionUsers,
    UserState,
    engagement_reward,
)
from tests import golden

PARAMETERS = (
    "memory_discount",
    "sensitivity",
    "innovation_stddev",
    "choc_mean",
    "choc_stddev",
    "kale_mean",
    "kale_stddev",
)


def float64(values):
    return tf.constant(values, tf.float64)


def users_and_state(inputs):
    users = LongTermSatisfactionUsers(
        dtype=tf.float64, **{name: inputs[name] for name in PARAMETERS}
    )
    return users, UserState(
        float64([inputs["net_positive_exposure"]]), float64([inputs["time_budget"]]), noise=()
    )


def slate_of(clickbait):
    return Slate(Document(float64([clickbait])), mask=tf.ones([1, len(clickbait)], tf.bool))


def assert_close(tensor, expected):
    np.testing.assert_allclose(tensor, [expected], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("record", golden.cases("long_term_satisfaction_transition"))
def test_a_step_of_the_user_model_is_that_of_recsim(record):
    inputs, expected = record["inputs"], record["outputs"]
    users, state = users_and_state(inputs)
    slate = slate_of(inputs["clickbait_scores"])
    assert_close(users.satisfaction(state), expected["satisfaction_before"])
    engagement = users.response(state, slate).distribution
    assert_close(engagement.loc, expected["log_engagement_mean"])
    assert_close(engagement.scale, expected["log_engagement_stddev"])

    response = users.outcome(
        state, slate, tf.exp(engagement.loc + engagement.scale * inputs["z_engagement"])
    )
    np.testing.assert_array_equal(
        response.clicked[0], np.arange(len(inputs["clickbait_scores"])) == expected["clicked"]
    )
    assert_close(response.engagement[:, 0], expected["engagement"])
    assert_close(engagement_reward(response), expected["reward"])
    assert_close(users.observe_response(response).engagement[:, 0], expected["engagement_observed"])

    innovation = users.innovation(state, slate, response)
    assert_close(innovation.stddev(), inputs["innovation_stddev"])
    after = users.update(state, slate, response, innovation.scale * inputs["z_innovation"])
    assert_close(after.net_positive_exposure, expected["net_positive_exposure_after"])
    assert_close(users.satisfaction(after), expected["satisfaction_after"])
    assert_close(after.budget, expected["time_budget_after"])
    assert bool(users.departure(after)[0]) == expected["terminal_after"]


@pytest.mark.parametrize("record", golden.cases("long_term_satisfaction_trajectory"))
def test_sessions_without_noise_are_those_of_recsim(record):
    inputs, expected = record["inputs"], record["outputs"]
    users, state = users_and_state(inputs)
    for step, clickbait in enumerate(inputs["clickbait_sequence"]):
        slate = slate_of([clickbait])
        engagement = users.response(state, slate).distribution
        response = users.outcome(state, slate, tf.exp(engagement.loc))
        assert_close(response.engagement[:, 0], expected["engagement"][step])
        state = users.update(state, slate, response, float64([0.0]))
        assert_close(state.net_positive_exposure, expected["net_positive_exposure"][step])
        assert_close(users.satisfaction(state), expected["satisfaction"][step])
        assert_close(state.budget, expected["time_budget"][step])
        assert bool(users.departure(state)[0]) == expected["terminal"][step]
