# SPDX-License-Identifier: Apache-2.0
"""Every parameter of every registered environment, its choice model's included, can be fitted,
compared on the axis of users, and saved.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.fitting import LBFGS, Exact, Parameter, fit, load_model, save_model
from recsim_tf.logs import from_trajectory
from recsim_tf.policies import random_policy
from tests.alike import assert_close, assert_equal
from tests.fitting.saving.results import result_of
from tests.one_world import make, one_world

NUM_SESSIONS, NUM_STEPS = 100, 5
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
    "ReturnVisits-v0": {"users.users.time_budget"},
}
# Candidates are given to the likelihood.
GIVEN = (
    *("documents.affinity_probs", "documents.directions", "documents.refinement"),
    "documents.length",
)


def simulator_of(environment_id):
    """The environment with few steps; everything that may be None has a value."""
    sizes = {"slate_size": 2, "num_candidates": 4, "max_steps": NUM_STEPS}
    simulator = make(environment_id, **sizes)
    if environment_id == "Ecosystem-v0":
        module = recsim_tf.environments.ecosystem
        means = module.provider_layout(0, num_clusters=2)
        users = module.ClusteredUsers(means, choice_model=recsim_tf.choice.MultinomialLogit(1.0))
        return make(environment_id, users=users, means=means, **sizes)
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
    if environment_id == "Conversation-v0":
        module = recsim_tf.conversations
        users = module.ConversationUsers(
            2,
            num_attributes=2,
            num_senses=2,
            sense_probs=(0.4, 0.6),
            ratings=recsim_tf.conversations.parts.Ratings(logit=0.0),
            refinements=recsim_tf.conversations.parts.Refinements(logit=0.0),
            # Trust counts in later turns only.
            leaves_satisfied=False,
        )
        documents = module.Items(6, 2, directions=users.directions)
        return dataclasses.replace(simulator, users=users, documents=documents)
    if environment_id == "ReturnVisits-v0":
        # So that there are several visits.
        return dataclasses.replace(simulator, users=simulator.users.replaced(visit_steps=1))
    if environment_id == "KeyTerms-v0":
        module = recsim_tf.conversations.key_terms
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


def log_of(simulator):
    """The log of simulated sessions."""
    policy = random_policy(simulator)
    run = compiled(lambda seed: simulator.rollout(policy, NUM_SESSIONS, NUM_STEPS, seed))
    return from_trajectory(run(random.as_seed(1)), simulator)


def acts(environment_id, name):
    """Whether the likelihood depends on a parameter."""
    if name.startswith("users."):
        return name not in ACT_BY_A_RULE.get(environment_id, ())
    # The users of these respond to what the items' tables say.
    of_items = environment_id in ("PageClicks-v0", "DriftingTaste-v0", "KeyTerms-v0")
    of_items |= environment_id in ("Conversation-v0", "EngagementBait-v0", "Feed-v0")
    return of_items and name not in GIVEN


def support_of(spec, value):
    """A support in which a search stays, for a value inside."""
    if spec.are_probabilities:
        return tfb.IteratedSigmoidCentered()
    (low,) = {spec.range.low, spec.range.above} - {None} or {None}
    (high,) = {spec.range.high, spec.range.below} - {None} or {None}
    is_inside = bool(np.all((np.asarray(value) > 0) & (np.asarray(value) < 1)))
    return "unit" if (low, high) == (0, 1) and is_inside else "real"


_QUICK = ("DriftingTaste-v0", "Ecosystem-v0", "InterestEvolution-v1", "PageClicks-v0")


# Users of the news meet a state that they share, so their sessions are not fitted one by one.
@pytest.mark.slow
@pytest.mark.parametrize(
    "environment_id",
    [
        pytest.param(each, marks=[] if each in _QUICK else [pytest.mark.slow])
        for each in sorted({*recsim_tf.registered()} - {"News-v0"})
    ],
)
def test_all_are_fitted_and_the_error_names_those_that_cannot_be(environment_id):
    simulator = simulator_of(environment_id)
    log, values = log_of(simulator), simulator.parameters()
    parameters = {
        name: Parameter(support=support_of(simulator.parameter_spec(name), value))
        for name, value in values.items()
    }
    acting = {name: each for name, each in parameters.items() if acts(environment_id, name)}
    method = Exact(search=LBFGS(max_iterations=1), uncertainty=None)
    idle = [name for name in parameters if name not in acting]
    if idle:
        with pytest.raises(ValueError, match=f"^{', '.join(idle)} do(es)? not act on the"):
            fit(simulator, parameters, log, method=method)
    result = fit(simulator, acting, log, method=method)
    for name, estimate in result.estimates.items():
        start = np.asarray(values[name], estimate.value.dtype)
        assert estimate.value.shape == start.shape, name
        assert not np.array_equal(estimate.value, start), name


@pytest.mark.slow
@pytest.mark.parametrize("environment_id", recsim_tf.registered())
def test_users_with_values_of_their_own_have_the_sessions_of_runs_with_these(environment_id):
    simulator = simulator_of(environment_id)
    values = simulator.parameters()
    others = {name: other_value(simulator, name) for name in values}
    of_worlds = simulator.documents.shared
    rows = {
        name: np.repeat(
            simulator.for_users(name, [values[name], others[name]]),
            1 if of_worlds and name.startswith("documents.") else 6,
            axis=0,
        )
        for name in values
    }
    together = simulator.replaced(users_per_world=6 if of_worlds else None)
    together = together.with_parameters(rows).replaced(num_users=12)
    with random.paired(2):
        seed = random.as_seed(1)[tf.newaxis]
        found = together.rollout(random_policy(together), 12, NUM_STEPS, seed)
    parts = [simulator, simulator.with_parameters(others)]
    apart = [part.rollout(random_policy(part), 6, NUM_STEPS, seed=1) for part in parts]
    for index, expected in enumerate(apart):
        one = tf.nest.map_structure(
            lambda leaf, index=index: np.split(leaf, 2, axis=1)[index], found.transitions
        )
        assert_close(one, expected.transitions, rtol=1e-4, atol=1e-5)
    leaves = [tf.nest.flatten(each.transitions) for each in apart]
    assert not all(np.array_equal(*pair) for pair in zip(*leaves, strict=True))


def test_probabilities_that_a_search_would_lead_off_the_simplex_are_refused():
    simulator = simulator_of("InterestExploration-v1")
    parameters = {"users.user_type_distribution": Parameter()}
    with pytest.raises(ValueError, match=r"its support must be a bijector to them, as .* got"):
        fit(simulator, parameters, log_of(simulator))


@pytest.mark.parametrize("environment_id", recsim_tf.registered())
def test_all_are_saved_and_loaded(environment_id, tmp_path):
    simulator = recsim_tf.make(environment_id)
    values = {
        name: other_value(simulator, name).astype(np.float32)
        for name, value in simulator.parameters().items()
        if np.all(np.isfinite(value))
    }
    result = result_of(simulator, values)
    fitted = result.simulator
    save_model(tmp_path / "model", result)
    loaded = load_model(tmp_path / "model").simulator
    assert not list(fitted.differences(loaded))
    assert list(fitted.differences(simulator))
    policy = random_policy(simulator)
    found, expected = (one_world(each).rollout(policy, 4, 3, seed=1) for each in (loaded, fitted))
    assert_equal(found, expected)
