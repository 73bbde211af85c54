# SPDX-License-Identifier: Apache-2.0
import gin
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.environments.interest_evolution import PlainVideos, interest_evolution
from tests import golden
from tests.alike import assert_close, assert_shares
from tests.refusals import assert_refused

NUM_DRAWS = 20_000

SCORES = [[0.3, -0.8, 0.9], [-0.2, 0.5, 0.1]]

# Every model with parameters under which all outcomes are possible.
PARAMETERS = {
    choice.MultinomialLogit: {"no_click_mass": 0.4},
    choice.MultinomialProportional: {"min_normalizer": -1.5, "no_click_mass": 0.7},
    choice.ExponentialCascade: {"score_scaling": 0.3, "attention_prob": 0.8},
    choice.ProportionalCascade: {
        "score_scaling": 0.3,
        "min_normalizer": -1.5,
        "attention_prob": 0.8,
    },
}

CASES = [
    pytest.param(model, parameters, id=model.__name__) for model, parameters in PARAMETERS.items()
]

PARAMETER_CASES = [
    pytest.param(model, name, id=f"{model.__name__}-{name}")
    for model, parameters in PARAMETERS.items()
    for name in parameters
]


def choose(model, scores, mask=None, **parameters):
    """The distribution of a choice."""
    return model(**parameters)(scores, mask)


def frequencies(draws, num_outcomes):
    """Frequencies [B, num_outcomes] of draws [S, B]."""
    return np.mean(np.asarray(draws)[..., np.newaxis] == np.arange(num_outcomes), axis=0)


def assert_frequencies(draws, probs):
    assert_shares(frequencies(draws, probs.shape[-1]), probs, len(draws))


@pytest.mark.parametrize(("model", "parameters"), CASES)
def test_probabilities_sum_to_one_and_log_prob_is_their_logarithm(model, parameters):
    distribution = choose(model, tf.constant(SCORES, tf.float64), **parameters)
    np.testing.assert_allclose(tf.reduce_sum(distribution.probs, -1), 1.0, rtol=1e-12)
    outcomes = tf.tile(tf.range(4)[:, tf.newaxis], [1, 2])
    np.testing.assert_allclose(
        distribution.log_prob(outcomes), np.log(distribution.probs).T, rtol=1e-12
    )
    np.testing.assert_allclose(distribution.log_probs, np.log(distribution.probs), rtol=1e-12)


@pytest.mark.parametrize(("model", "parameters"), CASES)
def test_outcomes_outside_the_slate_have_probability_zero(model, parameters):
    assert (
        choose(model, tf.constant(SCORES), **parameters).log_prob([[-1], [4]]).numpy() == -np.inf
    ).all()


@pytest.mark.parametrize(("model", "parameters"), CASES)
def test_shapes_mode_and_entropy(model, parameters):
    distribution = choose(model, tf.constant(SCORES, tf.float64), **parameters)
    assert distribution.batch_shape == [2]
    assert distribution.event_shape == []
    assert distribution.dtype == tf.int32
    assert distribution.slate_size == 3
    assert distribution.sample([5, 7], seed=1).shape == [5, 7, 2]
    probs = distribution.probs.numpy()
    np.testing.assert_array_equal(distribution.mode(), probs.argmax(-1))
    np.testing.assert_allclose(distribution.entropy(), -(probs * np.log(probs)).sum(-1), rtol=1e-12)


@pytest.mark.parametrize(("model", "parameters"), CASES)
def test_core_sample_frequencies_are_the_probabilities(model, parameters):
    one_row = choose(model, tf.constant(SCORES), **parameters)
    distribution = choose(
        model, tf.tile(tf.constant(SCORES)[tf.newaxis], [NUM_DRAWS, 1, 1]), **parameters
    )
    assert_frequencies(random.sample(distribution, random.as_seed(4)), one_row.probs)


@pytest.mark.parametrize(("model", "parameters"), CASES)
def test_masked_positions_are_never_chosen(model, parameters):
    mask = tf.constant([[True, False, True], [False, False, False]])
    distribution = choose(model, tf.constant(SCORES), mask=mask, **parameters)
    probs = distribution.probs.numpy()
    assert (probs[:, :3][~mask.numpy()] == 0).all()
    np.testing.assert_allclose(probs.sum(-1), 1.0, rtol=1e-6)
    assert probs[1, 3] == 1
    assert_frequencies(distribution.sample(2_000, seed=5), probs)
    assert distribution.log_prob([1, 0]).numpy().tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize(("model", "parameters"), CASES)
def test_a_short_slate_has_the_probabilities_of_its_documents_alone(model, parameters):
    padded = choose(
        model,
        tf.constant([[0.3, 0.9, 7.0]], tf.float64),
        mask=tf.constant([[True, True, False]]),
        **parameters,
    )
    short = choose(model, tf.constant([[0.3, 0.9]], tf.float64), **parameters)
    np.testing.assert_allclose(tf.gather(padded.probs, [0, 1, 3], axis=-1), short.probs, rtol=1e-12)


@pytest.mark.parametrize(("model", "parameters"), CASES)
@pytest.mark.parametrize("padding", [0.0, np.nan, np.inf, -np.inf])
def test_gradients_are_finite_beside_masked_positions(model, parameters, padding):
    scores = tf.constant([[0.3, padding, 0.9], [padding] * 3])
    mask = tf.constant([[True, False, True], [False] * 3])
    values = {name: tf.constant(value) for name, value in parameters.items()}
    with tf.GradientTape() as tape:
        tape.watch([scores, values])
        total = tf.reduce_sum(choose(model, scores, mask=mask, **values).log_prob([2, 3]))
    gradients = tape.gradient(total, [scores, values])
    assert np.isfinite(total)
    for gradient in tf.nest.flatten(gradients):
        assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradients[0].numpy()[~mask.numpy()], 0)


@pytest.mark.parametrize("model", [choice.ExponentialCascade, choice.ProportionalCascade])
def test_gradients_are_finite_where_a_cascade_click_is_certain(model):
    parameters = {"min_normalizer": -1.0} if model is choice.ProportionalCascade else {}
    scores = tf.constant([[0.0, -0.5, -0.2]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        certain = {"score_scaling": 1.0, "attention_prob": 1.0, **parameters}
        log_prob = choose(model, scores, **certain).log_prob([0])
    assert log_prob.numpy() == [0]
    np.testing.assert_allclose(tape.gradient(log_prob, scores), [[1.0, 0.0, 0.0]], atol=1e-12)


def test_the_default_logit_makes_a_click_certain():
    scores = tf.constant(SCORES)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        distribution = choose(choice.MultinomialLogit, scores, validate=True)
        log_prob = distribution.log_prob([0, 2])
    assert (distribution.probs.numpy()[:, 3] == 0).all()
    np.testing.assert_allclose(distribution.probs[:, :3], tf.nn.softmax(scores), rtol=1e-6)
    assert distribution.log_prob([3, 3]).numpy().tolist() == [-np.inf, -np.inf]
    assert (distribution.sample(5_000, seed=6).numpy() < 3).all()
    assert np.isfinite(tape.gradient(log_prob, scores)).all()


@pytest.mark.parametrize(("model", "name"), PARAMETER_CASES)
def test_a_parameter_for_each_user_gives_the_rows_of_scalar_parameters(model, name):
    parameters = PARAMETERS[model]
    values = [parameters[name], parameters[name] - 0.1]
    batched = choose(
        model,
        tf.constant(SCORES, tf.float64),
        **{**parameters, name: tf.constant(values, tf.float64)},
    )
    assert batched.batch_shape == [2]
    for row, value in enumerate(values):
        alone = choose(model, tf.constant(SCORES, tf.float64), **{**parameters, name: value})
        np.testing.assert_allclose(batched.probs[row], alone.probs[row], rtol=1e-12)
        np.testing.assert_allclose(batched.score_alone()[row], alone.score_alone()[row], rtol=1e-12)


@pytest.mark.parametrize(("model", "parameters"), CASES)
def test_gradients_are_those_of_finite_differences(model, parameters):
    def log_prob(scores, *values):
        named = dict(zip(parameters, values, strict=True))
        return choose(model, scores, **named).log_prob([2, 3])

    arguments = [tf.constant(value, tf.float64) for value in (SCORES, *parameters.values())]
    theory, numbers = tf.test.compute_gradient(log_prob, arguments, delta=1e-6)
    assert_close(theory, numbers, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (choice.MultinomialLogit, lambda s: np.exp(s) / (np.exp(s) + np.exp(0.4))),
        (choice.MultinomialProportional, lambda s: s + 1.5),
        (choice.ExponentialCascade, lambda s: 0.8 * 0.3 * np.exp(s)),
        (choice.ProportionalCascade, lambda s: 0.8 * 0.3 * (s + 1.5)),
    ],
    ids=[model.__name__ for model in PARAMETERS],
)
def test_score_alone_is_the_weight_of_a_slate_of_one(model, expected):
    scores = tf.constant(SCORES, tf.float64)
    np.testing.assert_allclose(
        choose(model, scores, **PARAMETERS[model]).score_alone(),
        expected(np.array(SCORES)),
        rtol=1e-12,
    )
    masked = choose(model, scores, mask=tf.constant([[True, False, True]] * 2), **PARAMETERS[model])
    np.testing.assert_allclose(
        masked.score_alone()[:, ::2], expected(np.array(SCORES))[:, ::2], rtol=1e-12
    )


def test_validation_fails_at_run_time_in_a_graph():
    @tf.function(autograph=False)
    def probs(scores):
        return choice.MultinomialProportional(-1.0, validate=True)(scores).probs

    with pytest.raises(tf.errors.InvalidArgumentError, match="a proportional weight is negative"):
        probs(tf.constant([[0.5, -1.5]]))


@pytest.mark.parametrize("padding", [np.nan, np.inf, -5.0, 5.0])
@pytest.mark.parametrize(("model", "parameters"), CASES)
def test_validation_ignores_padded_positions(model, parameters, padding):
    mask = tf.constant([[True, True, False]])
    probs = choose(
        model, tf.constant([[0.3, 0.1, padding]]), mask=mask, validate=True, **parameters
    ).probs
    np.testing.assert_allclose(tf.reduce_sum(probs, -1), 1.0, rtol=1e-6)


@pytest.mark.parametrize(("model", "parameters"), CASES)
def test_eager_graph_and_xla_agree(model, parameters):
    def draw(scores):
        distribution = choose(model, scores, **parameters)
        chosen = random.sample(distribution, random.as_seed(7))
        return chosen, distribution.log_prob(chosen)

    scores = tf.random.stateless_uniform([50, 3], [0, 1], -1.0, 1.0)
    eager, graph = draw(scores), tf.function(draw, autograph=False)(scores)
    np.testing.assert_array_equal(eager[0], graph[0])
    np.testing.assert_allclose(eager[1], graph[1], rtol=1e-6)
    score = tf.function(
        lambda s, c: choose(model, s, **parameters).log_prob(c), autograph=False, jit_compile=True
    )
    np.testing.assert_allclose(score(scores, graph[0]), graph[1], rtol=1e-5)


@pytest.mark.parametrize(("model", "parameters"), CASES)
def test_its_parameters_are_listed_and_replaced(model, parameters):
    changed = model(**parameters).with_parameters(dict.fromkeys(parameters, 0.5))
    assert changed.parameters() == {**model().parameters(), **dict.fromkeys(parameters, 0.5)}
    with pytest.raises(ValueError, match=f"{model.__name__} has no parameter mass"):
        model().with_parameters({"mass": 1.0})


def test_a_logit_has_the_probabilities_that_were_worked_out_by_hand():
    probs = choose(choice.MultinomialLogit, [[1.0, 0.0, -1.0]], no_click_mass=0.5).probs
    np.testing.assert_allclose(probs, [[0.473991, 0.174371, 0.064148, 0.287490]], atol=1e-6)


MODELS = {
    "choice_multinomial_logit": choice.MultinomialLogit,
    "choice_multinomial_proportional": choice.MultinomialProportional,
    "choice_exponential_cascade": choice.ExponentialCascade,
    "choice_proportional_cascade": choice.ProportionalCascade,
}


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(tf.float64, 1e-9), (tf.float32, 1e-5)], ids=["float64", "float32"]
)
@pytest.mark.parametrize("record", golden.cases(*MODELS))
def test_weights_and_probabilities_are_those_of_recsim(record, dtype, tolerance):
    inputs, outputs = dict(record["inputs"]), record["outputs"]
    scores = tf.constant([inputs.pop("scores")], dtype)
    model = MODELS[record["group"]](validate=True, **inputs)(scores)
    tiny = np.finfo(dtype.as_numpy_dtype).tiny
    weights = [*outputs["unnormalized_scores"], outputs["unnormalized_no_click"]]
    probs = [*outputs["probs"], outputs["prob_no_click"]]
    np.testing.assert_allclose(model.weights()[0], weights, rtol=tolerance, atol=tiny)
    np.testing.assert_allclose(model.probs[0], probs, rtol=tolerance, atol=tiny)
    possible = np.array(probs) > tiny
    np.testing.assert_allclose(
        np.exp(model.log_probs[0])[possible], np.array(probs)[possible], rtol=10 * tolerance
    )


def step():
    simulator = interest_evolution(documents=PlainVideos())
    return simulator.step(
        simulator.reset(20, seed=0), np.tile(np.int32([0, 1, 2]), [20, 1]), seed=1
    )


def test_scores_below_the_normalizer_are_refused_in_an_environment():
    # The scores of dense documents go below -1.
    step()
    gin.parse_config("MultinomialProportional.validate = True")
    message = "scores must be at least min_normalizer: a proportional weight is negative"
    assert_refused(step, message)


def test_a_cascade_takes_scores_at_the_least_normalizer():
    model = choice.ProportionalCascade(min_normalizer=-1.0, score_scaling=0.5, validate=True)
    probs = model(tf.constant([[-1.0, 1.0]])).probs
    np.testing.assert_allclose(probs[0, 0], 0.0, atol=1e-7)
