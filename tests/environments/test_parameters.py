"""Every parameter of every registered environment, its choice model's included, can be fitted,
compared on the axis of users, and saved.
"""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

import recsim_tf
from recsim_tf.core import random
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.fitting import (
    LBFGS,
    FitResult,
    Parameter,
    ParameterEstimate,
    fit,
    load_model,
    save_model,
)
from recsim_tf.fitting.logs import from_trajectory
from recsim_tf.policies import random_policy

NUM_SESSIONS, NUM_STEPS = 30, 5
# It has many parameters, which are tried together to save time.
CONVERSATION = "Conversation-v0"
# Of the users' parameters those that the users' draws do not depend on: leaving by a rule is not
# scored.
ACT_BY_A_RULE = {
    "InterestEvolution-v1": {
        "users.time_budget",
        "users.step_penalty",
        "users.user_update_alpha",
        "users.user_quality_factor",
        "users.document_quality_factor",
    },
    "LongTermSatisfaction-v1": {"users.time_budget"},
}


def simulator_of(environment_id):
    """The environment with few steps; everything that may be None has a value."""
    sizes = {"slate_size": 2, "num_candidates": 4, "max_steps": NUM_STEPS}
    simulator = recsim_tf.make(environment_id, **sizes)
    if environment_id == "PageClicks-v0":
        documents = recsim_tf.environments.page_clicks.PageItems(
            5,
            categories=np.arange(10).reshape(5, 2) % 3,
            numeric=np.linspace(-1, 1, 5),
            # So that some items were clicked on before.
            affinity_probs=(0.5, 0.3, 0.2),
        )
        return dataclasses.replace(simulator, documents=documents)
    if environment_id == "DriftingTaste-v0":
        module = recsim_tf.environments.drifting_taste
        users = module.DriftingTasteUsers(2, choice_model=recsim_tf.choice.MultinomialLogit(0.0))
        return dataclasses.replace(simulator, users=users, documents=module.Catalogue(6, 2))
    if environment_id == CONVERSATION:
        module = recsim_tf.environments.conversation
        users = module.ConversationUsers(
            2,
            num_attributes=2,
            num_senses=2,
            sense_probs=(0.4, 0.6),
            act_effects=np.zeros([7, 9]),
            phase_effects=np.zeros([2, 9]),
            inquiring=-4.0,
            requesting=-4.5,
            remarking=-5.0,
            rating=0.0,
            refining=0.0,
            # Trust counts in later turns only.
            leaves_satisfied=False,
        )
        documents = module.Items(6, 2, directions=users.directions)
        return dataclasses.replace(simulator, users=users, documents=documents)
    if environment_id == "KeyTerms-v0":
        module = recsim_tf.environments.key_terms
        users, documents = module.KeyTermUsers(3), module.KeyTermDocuments(5, 2, 3, 3)
        return dataclasses.replace(simulator, users=users, documents=documents)
    return simulator


def other_value(simulator, name):
    """Another value of a parameter that the models take."""
    value = np.asarray(simulator.parameters()[name], np.float64)
    if simulator.parameter_spec(name).are_probabilities:
        uneven = value * np.linspace(1, 2, value.shape[-1])
        return uneven / uneven.sum(-1, keepdims=True)
    if name.endswith("min_normalizer"):  # At most the smallest score.
        return value - 0.1
    return 0.9 * value + 0.04


CASES = [
    (environment_id, name)
    for environment_id in recsim_tf.registered()
    if environment_id != CONVERSATION
    for name in simulator_of(environment_id).parameters()
]


@pytest.fixture(scope="module")
def log_of():
    """The log of simulated sessions by environment."""
    logs = {}

    def get(environment_id, simulator):
        if environment_id not in logs:
            trajectory = simulator.rollout(
                random_policy(simulator), NUM_SESSIONS, NUM_STEPS, seed=0
            )
            logs[environment_id] = from_trajectory(trajectory)
        return logs[environment_id]

    return get


@pytest.mark.parametrize(("environment_id", "name"), CASES)
def test_it_is_fitted_or_the_error_says_why_not(environment_id, name, log_of):
    simulator = simulator_of(environment_id)
    log = log_of(environment_id, simulator)
    start = np.asarray(simulator.parameters()[name])
    acts = name.startswith("users.") and name not in ACT_BY_A_RULE.get(environment_id, ())
    # The users of these respond to what the items' tables say.
    of_items = environment_id in ("PageClicks-v0", "DriftingTaste-v0", "KeyTerms-v0")
    acts |= of_items and name != "documents.affinity_probs"
    are_probabilities = simulator.parameter_spec(name).are_probabilities
    parameter = Parameter(support=tfb.IteratedSigmoidCentered() if are_probabilities else "real")

    def run():
        return fit(
            simulator,
            {name: parameter},
            log,
            LBFGS(max_iterations=1),
            uncertainty=None,
            progress=False,
        )

    if not acts:
        with pytest.raises(ValueError, match=f"{name} does not act on the likelihood of this log"):
            run()
        return
    estimate = run().estimates[name].value
    assert estimate.shape == start.shape
    assert not np.array_equal(estimate, start.astype(estimate.dtype))


def sessions_of(simulator):
    """The sums of sessions of an evaluation of its own."""
    return Evaluation(6, NUM_STEPS).evaluator("random", simulator, random_policy(simulator))()


# The environment with its own values, in whose place each parameter's other value comes.
sessions_by_default = functools.cache(lambda name: sessions_of(simulator_of(name)))


@pytest.mark.parametrize(("environment_id", "name"), CASES)
def test_each_value_has_the_sessions_of_a_run_of_its_own(environment_id, name):
    simulator = simulator_of(environment_id)
    start = np.asarray(simulator.parameters()[name], np.float64)
    other = other_value(simulator, name)
    together = Evaluation(6, NUM_STEPS, compare={name: (start, other)})
    results = together.compare(simulator, lambda simulator: {"random": random_policy(simulator)})
    alone = sessions_of(simulator.with_parameters({name: other}))
    for result, expected in zip(results, (sessions_by_default(environment_id), alone), strict=True):
        pairs = zip(*map(tf.nest.flatten, (result.sessions, expected.sessions)), strict=True)
        for found, of_its_own in pairs:
            np.testing.assert_allclose(found, of_its_own, rtol=1e-5)


@pytest.fixture(scope="module")
def conversation():
    simulator = simulator_of(CONVERSATION)
    return simulator, simulator.parameters()


def test_all_parameters_of_conversations_are_fitted_but_those_of_candidates(conversation, log_of):
    simulator, values = conversation
    log = log_of(CONVERSATION, simulator)
    sense_probs = Parameter(support=tfb.IteratedSigmoidCentered())
    parameters = {name: Parameter(support="real") for name in values}
    parameters["users.sense_probs"] = sense_probs
    # Candidates are given to the likelihood.
    of_candidates = ["documents.directions", "documents.refinement"]
    without_effect = {name: parameters[name] for name in of_candidates}
    with pytest.raises(
        ValueError, match=r"documents\.directions does not act on the likelihood of"
    ):
        fit(simulator, without_effect, log, progress=False)
    acting = {name: each for name, each in parameters.items() if name not in of_candidates}
    search = LBFGS(max_iterations=1)
    result = fit(simulator, acting, log, search, uncertainty=None, progress=False)
    for name, estimate in result.estimates.items():
        assert not np.array_equal(estimate.value, np.asarray(values[name], np.float32)), name


def test_all_values_of_conversations_have_the_sessions_of_runs_of_their_own(conversation):
    simulator, values = conversation
    others = {name: other_value(simulator, name) for name in values}
    rows = {
        name: np.repeat(simulator.for_users(name, [values[name], others[name]]), 6, axis=0)
        for name in values
    }
    together = dataclasses.replace(simulator.with_parameters(rows), num_users=12)
    with random.paired(2):
        seed = random.as_seed(1)[tf.newaxis]
        found = together.rollout(random_policy(together), 12, NUM_STEPS, seed)
    parts = [simulator, simulator.with_parameters(others)]
    apart = [part.rollout(random_policy(part), 6, NUM_STEPS, seed=1) for part in parts]
    for index, expected in enumerate(apart):
        one = tf.nest.map_structure(
            lambda leaf, begin=6 * index: leaf[:, begin : begin + 6], found.transitions
        )
        for leaf, other in zip(*map(tf.nest.flatten, (one, expected.transitions)), strict=True):
            np.testing.assert_allclose(leaf, other, rtol=1e-4, atol=1e-5)
    assert not np.allclose(*(each.transitions.reward for each in apart))


def test_probabilities_that_a_search_would_lead_off_the_simplex_are_refused(log_of):
    environment_id = "InterestExploration-v1"
    simulator = simulator_of(environment_id)
    parameters = {"users.user_type_distribution": Parameter()}
    with pytest.raises(ValueError, match=r"its support must be a bijector to them, as .* got"):
        fit(simulator, parameters, log_of(environment_id, simulator), progress=False)


@pytest.mark.parametrize("environment_id", recsim_tf.registered())
def test_all_are_saved_and_loaded(environment_id, tmp_path):
    # What a configuration builds has the environment's own tables.
    simulator = recsim_tf.make(environment_id)
    values = {
        name: other_value(simulator, name).astype(np.float32)
        for name, value in simulator.parameters().items()
        if np.all(np.isfinite(value))
    }
    fitted = simulator.with_parameters(values)
    estimates = {
        name: ParameterEstimate(value, np.full_like(value, np.nan), value, value)
        for name, value in values.items()
    }
    result = FitResult(
        simulator=fitted,
        estimates=estimates,
        log_likelihood=-1.0,
        held_out_log_likelihood=None,
        history=[],
        converged=True,
        stopped_early=False,
        diverged=False,
        not_identified={},
        confidence=0.95,
        search=LBFGS(),
    )
    config = f"make.environment_id = '{environment_id}'"
    save_model(tmp_path / "model", result, build="make", config=config)
    loaded = load_model(tmp_path / "model").simulator
    assert not list(fitted.differences(loaded))
    assert list(fitted.differences(simulator))
    policy = random_policy(simulator)
    found, expected = (each.rollout(policy, 4, 3, seed=1) for each in (loaded, fitted))
    for leaf, other in zip(*map(tf.nest.flatten, (found, expected)), strict=True):
        np.testing.assert_array_equal(leaf, other)
