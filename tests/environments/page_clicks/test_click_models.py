# SPDX-License-Identifier: Apache-2.0
import gin
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import choice
from recsim_tf.experiment import config
from recsim_tf.fitting import LBFGS, Exact, Parameter, fit
from recsim_tf.fitting.methods.exact import session_log_prob
from tests.environments.page_clicks.worlds import NUM_ITEMS, SLATE_SIZE, pages, simulated_pages

BY_POSITION = np.array([0.9, 0.7, 0.5, 0.3])
# By rank and by the last click; the upper triangle means nothing.
BY_LAST_CLICK = np.array(
    [[0.9, 0, 0, 0], [0.7, 0.8, 0, 0], [0.5, 0.6, 0.7, 0], [0.3, 0.4, 0.5, 0.6]]
)
MODELS = {
    "independent": choice.IndependentClicks(),
    "position-based": choice.PositionBased(BY_POSITION),
    "user browsing": choice.UserBrowsing(BY_LAST_CLICK),
    "cascade": choice.MultipleClickCascade(1.0, 0.0),
    "dependent clicks": choice.DependentClicks(BY_POSITION),
    "click chain": choice.ClickChain((0.9, 0.3, 0.7)),
    "dynamic Bayesian": choice.DynamicBayesian(0.8),
}
# What of a parameter is found: not the last continuation, nor an examination after a later click.
FOUND = {
    "position-based": np.ones(SLATE_SIZE, bool),
    "user browsing": np.tri(SLATE_SIZE) == 1,
    "dependent clicks": np.arange(SLATE_SIZE) < SLATE_SIZE - 1,
    "click chain": np.ones(3, bool),
    "dynamic Bayesian": np.True_,
}


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_users_with_any_click_model_are_simulated_and_scored(model):
    simulator = pages(model)
    log = simulated_pages(simulator, 50)
    clicks = model(
        tf.gather(tf.constant(simulator.documents.item_effect, tf.float32), log.documents[:, 0]),
        log.shown[:, 0],
        tf.gather(tf.constant(simulator.documents.satisfaction, tf.float32), log.documents[:, 0])
        if model.uses_satisfaction
        else None,
    )
    np.testing.assert_allclose(
        session_log_prob(simulator, log), clicks.log_prob(log.response[:, 0]), rtol=1e-4, atol=1e-5
    )


def test_users_who_may_be_satisfied_keep_all_promises():
    recsim_tf.check(pages(MODELS["dynamic Bayesian"]))


def test_a_gin_file_sets_the_click_model():
    config.load(
        [],
        [
            "PageClickUsers.click_model = @DynamicBayesian()",
            "DynamicBayesian.gamma = 0.75",
            "PageItems.satisfaction = 0.5",
        ],
    )
    try:
        simulator = recsim_tf.make("PageClicks-v0")
    finally:
        gin.clear_config()
    assert simulator.parameters()["users.click_model.gamma"] == 0.75
    _, transition = simulator.step(simulator.reset(4, seed=0), [[0, 1, 2]] * 4, seed=1)
    assert transition.response.clicked.shape == [4, 3]


def fitted(simulator, log, probabilities=True, max_iterations=200):
    """Attractions, satisfactions and probabilities, with priors that are nearly flat."""
    model = simulator.users.click_model
    prior = tfd.Logistic(0.0, 1.0)
    parameters = {"documents.item_effect": Parameter(np.zeros(NUM_ITEMS), prior=prior)}
    if model.uses_satisfaction:
        parameters["documents.satisfaction"] = Parameter(np.zeros(NUM_ITEMS), prior=prior)
    for name, value in model.parameters().items() if probabilities else ():
        parameters[f"users.click_model.{name}"] = Parameter(
            np.full(np.shape(value), 0.5), "unit", prior=tfd.Beta(1.01, 1.01)
        )
    return fit(
        simulator,
        parameters,
        log,
        method=Exact(search=LBFGS(max_iterations, progress=False), uncertainty=None),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUND)
def test_a_fit_finds_every_continuation_and_examination(name):
    simulator = pages(MODELS[name])
    ((parameter, truth),) = MODELS[name].parameters().items()
    found = fitted(simulator, simulated_pages(simulator, 20_000)).values()
    value = found[f"users.click_model.{parameter}"]
    if "based" in name or "browsing" in name:
        # Attraction times examination is known alone.
        value = value * truth[FOUND[name]].mean() / value[FOUND[name]].mean()
    assert np.abs(np.subtract(value, truth))[FOUND[name]].max() < 0.02


@pytest.mark.slow
def test_nested_models_are_in_order_on_the_pages_that_they_are_fitted_to():
    log = simulated_pages(pages(MODELS["user browsing"]), 300)

    def log_likelihood(model, probabilities=True):
        return fitted(pages(model), log, probabilities, max_iterations=8).log_likelihood

    user_browsing = log_likelihood(choice.UserBrowsing(np.full([4, 4], 0.5)))
    position_based = log_likelihood(choice.PositionBased(np.full(4, 0.5)))
    assert user_browsing > position_based > log_likelihood(choice.IndependentClicks())
    dynamic = log_likelihood(choice.DynamicBayesian(0.5))
    assert dynamic > log_likelihood(choice.DynamicBayesian(), probabilities=False)
