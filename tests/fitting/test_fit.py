# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.fitting import (
    LBFGS,
    Chains,
    Curvature,
    Exact,
    MeanField,
    Minibatches,
    MonteCarloEM,
    Parameter,
    Particles,
    Scores,
    fit,
    hierarchical_normal,
)
from recsim_tf.fitting.methods.exact import session_log_prob
from recsim_tf.fitting.methods.session_gradients import session_scores
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.searches.lbfgs import maximise
from recsim_tf.logs import from_trajectory
from tests.fitting.sessions import HAZARD, drifting, evolution, exploration, rollout, satisfaction
from tests.refusals import assert_refused

# Every parameter of every model that acts on the likelihood of a full log; page clicks have theirs
# beside their other tests.
PARAMETERS = {
    "evolution": (
        evolution(**HAZARD),
        [
            *("alpha_y_intercept", "alpha_x_intercept", "user_update_alpha", "time_budget"),
            *("choice_model.no_click_mass", "choice_model.min_normalizer", "step_penalty"),
            *("document_quality_factor", "departure_temperature"),
        ],
    ),
    "evolution with cascades": (
        evolution(
            **HAZARD,
            choice_model=choice.ProportionalCascade(min_normalizer=-1.25),
            user_quality_factor=0.3,
        ),
        [
            *("choice_model.attention_prob", "choice_model.score_scaling"),
            *("user_quality_factor", "choice_model.min_normalizer"),
        ],
    ),
    "exploration": (
        exploration(),
        ["user_type_distribution", "affinity_loc", "affinity_scale", "choice_model.no_click_mass"],
    ),
    "exploration, proportional": (
        exploration(choice_model=choice.MultinomialProportional(0.0, 5.0)),
        ["choice_model.no_click_mass", "choice_model.min_normalizer"],
    ),
    "drifting taste": (
        drifting(),
        ["taste_loc", "taste_scale", "gain", "decay", "choice_model.no_click_mass"],
    ),
    "a catalogue": (drifting(), ["documents.bias", "documents.factors", "documents.pull"]),
    "satisfaction": (
        satisfaction(),
        [name for name in satisfaction().users.parameters() if name != "time_budget"],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("simulator", "names"), PARAMETERS.values(), ids=PARAMETERS)
def test_gradients_of_the_log_likelihood_are_those_of_finite_differences(simulator, names):
    log = from_trajectory(rollout(simulator, num_users=6, num_steps=5))
    names = [name if name.startswith("documents.") else f"users.{name}" for name in names]
    fitted = FittedSimulator(simulator, {name: Parameter() for name in names})
    likelihood = Exact(search=LBFGS(batch_size=6)).objective(fitted, log)
    _, gradients = likelihood.total()
    for name, variable, gradient in zip(names, fitted.variables, gradients, strict=True):
        value = variable.numpy()
        assert np.any(np.abs(gradient) > 1e-4), name
        for index in np.ndindex(value.shape):
            step = np.zeros_like(value)
            step[index] = 1e-6 * max(abs(value[index]), 0.1)
            sides = []
            for sign in (1, -1):
                variable.assign(value + sign * step)
                sides.append(likelihood.total()[0])
            variable.assign(value)
            expected = (sides[0] - sides[1]) / (2 * step[index])
            np.testing.assert_allclose(
                gradient[index], expected, rtol=1e-5, atol=1e-5, err_msg=name
            )


@pytest.mark.slow
def test_batches_sum_to_the_whole_also_where_the_last_one_is_short():
    simulator = evolution(**HAZARD)
    log = from_trajectory(rollout(simulator, num_users=7))
    fitted = FittedSimulator(simulator, {"users.choice_model.no_click_mass": Parameter()})
    whole, parts = (
        Exact(search=LBFGS(batch_size=batch_size)).objective(fitted, log) for batch_size in (100, 3)
    )
    np.testing.assert_allclose(whole.by_session(), session_log_prob(simulator, log), rtol=1e-12)
    np.testing.assert_allclose(parts.by_session(), whole.by_session(), rtol=1e-12)
    for one, other in zip(parts.total(), whole.total(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.slow
def test_sessions_that_are_equal_are_scored_once_and_count_as_often():
    simulator = evolution(**HAZARD)
    log = from_trajectory(rollout(simulator, num_users=5))
    repeated = log.take([3, 0, 0, 1, 3, 3, 4])
    fitted = FittedSimulator(simulator, {"users.choice_model.no_click_mass": Parameter()})
    once, often = (
        Exact(search=LBFGS(batch_size=2)).objective(fitted, each) for each in (log, repeated)
    )
    by_session, counts = once.by_session(), [2, 1, 0, 3, 1]
    np.testing.assert_allclose(often.value(), counts @ by_session, rtol=1e-12)
    np.testing.assert_allclose(often.total()[1], counts @ session_scores(once), rtol=1e-9)
    np.testing.assert_allclose(often.by_session(), by_session[[3, 0, 0, 1, 3, 3, 4]], rtol=1e-12)
    assert sum(1 for _ in often._batches.by_length(distinct=True)) == 2


MASS, GAIN = "users.choice_model.no_click_mass", {"users.gain": Parameter()}
TRUTH = {MASS: 1.0, "users.user_update_alpha": 0.9 / 3.4}
SUPPORTS = {name: Parameter(start=0.5, support="positive") for name in TRUTH}


@pytest.fixture(scope="module")
def log():
    return from_trajectory(rollout(evolution(**HAZARD), num_users=400, num_steps=20))


@pytest.fixture(scope="module")
def result(log):
    return fit(evolution(**HAZARD), SUPPORTS, log)


@pytest.mark.slow
def test_lbfgs_finds_where_the_gradient_vanishes_and_the_truth_within_its_errors(result, log):
    assert result.converged
    assert not result.diverged
    for name, truth in TRUTH.items():
        estimate = result.estimates[name]
        assert abs(estimate.value - truth) < 3 * estimate.standard_error
        assert estimate.low < estimate.value < estimate.high
        assert result.simulator.parameters()[name] == estimate.value
    assert result.log_likelihood >= np.sum(session_log_prob(evolution(**HAZARD), log))
    np.testing.assert_allclose(
        result.log_likelihood, np.sum(session_log_prob(result.simulator, log)), rtol=1e-9
    )


@pytest.mark.slow
def test_curvature_is_the_second_derivative_of_a_likelihood_that_is_known():
    # Choices of one document each, so that the log-likelihood is binomial in the probability of a
    # click.
    simulator = exploration(
        user_type_distribution=(1.0,), affinity_loc=((0.0, 0.0),), affinity_scale=((1e-6, 1e-6),)
    )
    log = from_trajectory(rollout(simulator, num_users=50, size=1))
    result = fit(
        simulator, {MASS: Parameter(start=0.0)}, log, method=Exact(uncertainty=Curvature())
    )
    scores = log.documents.quality[..., 0]
    mass = result.estimates[MASS].value
    probs = 1 / (1 + np.exp(mass - 1 - scores))
    expected = 1 / np.sqrt(np.sum(probs * (1 - probs)))
    np.testing.assert_allclose(result.estimates[MASS].standard_error, expected, rtol=0.02)
    assert simulator.parameters()[MASS] == exploration().parameters()[MASS], "it stays"


@pytest.mark.slow
def test_minibatches_come_to_the_same_place_and_stop_on_held_out_sessions(log, result):
    found = fit(
        evolution(**HAZARD),
        SUPPORTS,
        log,
        method=Exact(
            search=Minibatches(
                lambda: tf.keras.optimizers.Adam(0.05), passes=60, patience=8, batch_size=80
            ),
            uncertainty=None,
        ),
        held_out=0.2,
    )
    assert found.stopped_early
    assert not found.converged
    assert len(found.history) < 60
    assert found.held_out_log_likelihood == pytest.approx(
        max(row["held_out"] for row in found.history)
    )
    for name, estimate in found.estimates.items():
        assert (
            abs(estimate.value - result.estimates[name].value)
            < 2 * result.estimates[name].standard_error
        )
        assert np.isnan(estimate.standard_error)


@pytest.mark.slow
def test_a_narrow_prior_wins_over_few_sessions(log):
    prior = tfd.Normal(np.float64(2.0), 1e-4)
    parameters = {MASS: Parameter(start=1.5, prior=prior)}
    found = fit(evolution(**HAZARD), parameters, log.take(np.arange(5)))
    estimate = found.estimates[MASS]
    assert abs(estimate.value - 2.0) < 1e-5
    assert estimate.standard_error == pytest.approx(1e-4, rel=1e-3)


def test_a_maximum_is_found_beside_a_region_where_there_is_no_value():
    def function(x):
        # Highest at 1 / 3 and 3; the second coordinate is positive.
        with np.errstate(invalid="ignore", divide="ignore"):
            value = -((3 * x[0] - 1) ** 2) + 3 * np.log(x[1]) - x[1]
            return value, np.array([-6 * (3 * x[0] - 1), 3 / x[1] - 1 if x[1] > 0 else np.nan])

    def units(position):
        return np.ones_like(position)

    found = maximise(function, np.array([50.0, 0.01]), units, 100, 1e-8, "the value")
    assert found.converged
    np.testing.assert_allclose(found.position, [1 / 3, 3], rtol=1e-5)
    assert found.value == pytest.approx(function(np.array([1 / 3, 3.0]))[0])
    with pytest.raises(ValueError, match="the value is not finite at the start"):
        maximise(function, np.array([0.0, -1.0]), units, 100, 1e-8, "the value")


@pytest.mark.slow
def test_a_fit_that_diverges_keeps_the_last_finite_parameters(log):
    with pytest.warns(UserWarning, match="the fit diverged"):
        found = fit(
            evolution(**HAZARD),
            {MASS: Parameter(start=3.0)},
            log,
            method=Exact(
                search=Minibatches(lambda: tf.keras.optimizers.SGD(1e6), passes=50, batch_size=100)
            ),
        )
    assert found.diverged
    assert not found.converged
    assert np.isfinite(found.estimates[MASS].value)
    assert np.isfinite(found.log_likelihood)


def searched(parameters):
    return lambda: FittedSimulator(evolution(), parameters)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (searched({}), "parameters must name at least one parameter to fit, got none"),
        (searched({"mass": Parameter()}), r"has no parameter mass; its parameters are users\."),
        (searched({"users.mass": Parameter()}), "no parameter mass; its .* are .*no_click_mass"),
        (searched({MASS: Parameter(-1.0, "positive")}), f"{MASS} must start within its support"),
        (searched({"users.departure_temperature": Parameter()}), "needs a start: the model has no"),
        (lambda: Parameter(support="integer"), "support must be one of real, .* got 'integer'"),
        (lambda: Parameter(posterior="mean_field"), "'mean_field' needs a prior, got None"),
        (lambda: Parameter(fixed=True), "fixed must be False .* without a start"),
        (lambda: hierarchical_normal(features=np.ones(3)), r"have a shape \[D, M\], got \[3\]"),
    ],
)
def test_bad_arguments_of_parameters_searches_and_likelihoods_are_named(make, message):
    assert_refused(make, message)


# By method: a search, and a source of errors, of another one.
OF_OTHERS = {
    Particles: (MonteCarloEM(), Scores()),
    MeanField: (LBFGS(), Curvature()),
    Chains: (LBFGS(), Curvature()),
}


@pytest.mark.parametrize("method", OF_OTHERS)
def test_a_method_refuses_what_belongs_to_another(method):
    for name, value in zip(("search", "uncertainty"), OF_OTHERS[method], strict=True):
        got = value if isinstance(value, str) else type(value).__name__
        message = rf"{name} of {method.__name__} must be [A-Z]\w+\(\) or .*, got '?{got}"
        assert_refused(lambda name=name, value=value: method(**{name: value}), message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {
                "simulator": drifting(),
                "parameters": GAIN,
                "method": Exact(uncertainty=Scores()),
            },
            r"uncertainty must be Curvature\(\) or None for .*tables",
        ),
        ({"parameters": {MASS: Parameter(start=-3.0)}}, "likelihood of .* is not finite at the s"),
        (
            {"simulator": evolution(), "parameters": {"users.step_penalty": Parameter()}},
            "zero at users.step_penalty = [0-9.]+. Another start may do; .* needs a hazard",
        ),
        (
            {"parameters": {MASS: Parameter(1.0, prior=tfd.Normal(0.0, 1.0))}},
            rf"prior of {MASS} must have the dtype of the users, float64, got float32",
        ),
        ({"log": [1, 2]}, "log must be a Log or a LogStream, .* got list"),
    ],
)
def test_what_cannot_be_fitted_is_named(arguments, message):
    arguments = {"simulator": evolution(**HAZARD), "parameters": SUPPORTS, **arguments}
    log = from_trajectory(rollout(arguments["simulator"], num_users=5, num_steps=4))
    assert_refused(lambda: fit(**{"log": log, **arguments}), message)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("response", "message"),
    [
        (9, "of 1 of 5 sessions is not finite .* session 1: .* draws that the models never make"),
        (0.5, "the log's response must be whole numbers, .* got 0.5"),
    ],
)
def test_responses_that_the_models_never_make_are_named(response, message):
    log = from_trajectory(rollout(evolution(), num_users=5, num_steps=4))
    responses = log.response.astype(np.result_type(log.response, response))
    responses[1, 0] = response
    log = log._replace(response=responses)
    assert_refused(lambda: fit(evolution(), {MASS: Parameter(start=0.5)}, log), message)
