# SPDX-License-Identifier: Apache-2.0
"""What estimates of a policy's value refuse: logs, policies, models, estimators and studies."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import fitting, logs, ope
from recsim_tf.policies import Deterministic, softmax_policy
from tests.ope.test_logged_policy import distance
from tests.ope.worlds import CLICKS, log_of_clicks, log_of_leavers, near
from tests.refusals import assert_refused
from tests.rollout_policies import first_positions
from tests.worlds.shared import shared

TARGET, CERTAIN = near(2.0), Deterministic(first_positions(3))
FRAME, SMALL = pd.DataFrame({"a": [1]}), recsim_tf.Simulator(CLICKS.users, CLICKS.documents, 2, 6)
OF_ANOTHER = softmax_policy(recsim_tf.interest_evolution(slate_size=3), 1.0)


def rollout(policy=None, **arguments):
    return CLICKS.rollout(policy or near(1.0), 3, 2, 0, **arguments)


def logged(logging, trajectory=None):
    return logs.from_trajectory(trajectory or rollout(), CLICKS, logging=logging)


def changed(**fields):
    return log_of_clicks()._replace(**fields)


def whole():
    return log_of_clicks().reward.sum(2, keepdims=True)


def judged(*names, policy=TARGET, log=None, **arguments):
    log = log_of_clicks() if log is None else log
    return ope.evaluate(policy, log, names or ("snips",), **arguments)


def fit_logging(feature=distance, **fields):
    return ope.fit_logging(changed(**fields), feature)


def closest():
    """The slates of the documents that are closest to the users."""
    seen = tf.nest.map_structure(lambda leaf: leaf[:, 0], log_of_clicks().observation)
    return np.argsort(distance(seen)[..., 0])[:, np.newaxis, :3].astype(np.int32)


def validated(is_same=False, **arguments):
    log = log_of_clicks()
    return fitting.validate(CLICKS, log, log if is_same else None, **arguments)


FEEDBACK = {"n_actions": 2, "action": np.array([0, 1]), "reward": np.ones(2), "pscore": np.ones(2)}
EMPTY = np.full([1000, 1, 3], -1)
ROLLOUTS = [
    (lambda: logged(None, rollout(auto_reset=True)), "trajectory must hold one session a row"),
    (lambda: logged(None, rollout(state=CLICKS.reset(3, 0))), "trajectory must begin with new us"),
    (
        lambda: logs.from_trajectory(
            shared().rollout(first_positions(2), 4, 2, seed=0), shared(), logging=near(1.0)
        ),
        "simulator must have a corpus for each user",
    ),
    (lambda: logged(first_positions(3)), "logging must have a method decide, which gives the dis"),
    (lambda: logged(CERTAIN), "propensity.slate must be a log-probability of .*, got -inf at ses"),
]
LOGS = [
    (
        lambda: judged(log=logged(CERTAIN, rollout(CERTAIN))),
        "logging must be a policy that shows different slates, for estimators with weights",
    ),
    (lambda: judged(log=changed(observation=())), "log.observation must be given to compute prob"),
    # A log is checked, see tests/logs/test_by_hand.py.
    (lambda: judged(log=changed(slate=EMPTY)), "reward of an empty position must be 0, got 1 at"),
    (lambda: judged(policy=None), "estimator snips needs probabilities of the slate"),
    (lambda: judged("rips", log=changed(reward=whole())), "estimator rips needs rewards by posit"),
    (lambda: judged(log=FRAME), "log must be .* got DataFrame: logs.from_table"),
    (lambda: judged(log=rollout()), "got Trajectory: logs.from_trajectory makes"),
    (lambda: fit_logging(observation=()), "log.observation must"),
    (lambda: fit_logging(slate=EMPTY), "log.slate must be full to fit the policy that logged, got"),
    (lambda: fit_logging(lambda seen: np.nan * distance(seen)), "features must be finite"),
    (lambda: fit_logging(lambda seen: distance(seen)[..., 0]), "features must be numbers .*, N, P"),
    (lambda: fit_logging(slate=closest()), "must not determine the slates"),
    (lambda: ope.fit_logging(None, distance), "log must be a Log, or the result"),
    (lambda: ope.truth(CLICKS, near(np.nan), 1), "policy must give each slate a prob.*, got NaN"),
]
MODELS = [
    (lambda: judged("simulated"), "model must be a Simulator, .* got NoneType"),
    (lambda: judged("simulated", model=FRAME), "model must be a Simulator, .* got DataFrame"),
    (lambda: judged("simulated", model=SMALL), "model must show slates of 3 documents, like the l"),
    (lambda: judged("simulated", policy=OF_ANOTHER, model=CLICKS), "policy is not for the model: "),
    (lambda: judged("calibrated", model=CLICKS), "logging must be the policy that logged, for cal"),
    (
        lambda: judged("dr", policy=near(2.0, 2), log=log_of_leavers()),
        "q must be a SimulatedQ where sessions have several steps",
    ),
    (lambda: judged("dr", policy=first_positions(3)), "policy must have a method decide"),
    (
        lambda: fitting.validate(log_of_clicks(), log_of_clicks()),
        "model must be a Simulator, .* got",
    ),
    (lambda: validated(is_same=True), "held_out must be other sessions than train"),
    (lambda: validated(questions="predicts"), "questions must be some of QUESTIONS, got"),
]
ESTIMATORS = [
    (lambda: judged("pi"), "estimator pi needs policy and logging, StochasticPolicies whose dist"),
    (lambda: judged("snips", "ips", "snips"), "estimators must differ from .*, got 'snips' twice"),
    (lambda: judged(log=log_of_clicks().take([])), "log must have at least one session, got none"),
    (lambda: fitting.validate(CLICKS, log_of_clicks().take([])), "train must have at least one se"),
    (
        lambda: ope.Estimator("set", "trajectory"),
        'steps must be "decision" with model="baseline" or with reads other than "slate"',
    ),
    (
        lambda: ope.Estimator("position", model="baseline"),
        'reads must be slate, set, prefix or linear with model="baseline"',
    ),
    (lambda: ope.value(TARGET, log_of_clicks(), "pi"), "estimator needs policy and logging"),
    (lambda: ope.value(TARGET, "log.csv"), "log must be a Log, .*, got str"),
    (
        lambda: ope.value(TARGET, log_of_clicks()._replace(reward=())),
        "ope.value needs a log with rewards, got none",
    ),
    (lambda: judged(policy=Deterministic), "policy must be an object, got .*Deterministic"),
    (lambda: judged(logging=Deterministic), "logging must be an object, got .*Deterministic"),
    (lambda: ope.evaluate(TARGET, log_of_clicks(), ()), "estimators must name at least one"),
    (lambda: ope.compare({}, log_of_clicks()), "policies must name at least one policy"),
    (lambda: judged(q="x"), "q must be a Regression or a SimulatedQ, got str"),
    (lambda: logs.to_obp(None), "log must be a Log, or the result of a reader, got NoneType"),
    (
        lambda: logs.from_obp(FEEDBACK | {"context": np.full([2, 1], np.nan)}),
        r"feedback\['context'\] must be finite, got nan at \[0, 0\]",
    ),
]


@pytest.mark.parametrize(("call", "message"), ROLLOUTS + LOGS + MODELS + ESTIMATORS)
def test_what_cannot_be_estimated_is_said_in_one_line(call, message):
    assert_refused(call, message)


def test_unknown_names_of_results_are_answered_with_the_known_ones():
    results = ope.compare({"near": TARGET, "far": near(3.0)}, log_of_clicks(), ("ips", "snips"))
    for call, message in (
        (lambda: results["near"]["snip"], "there is no estimator 'snip': did you mean snips?"),
        (lambda: results["near"]["dr"], "there is no estimator 'dr': choose one of ips, snips"),
        (lambda: results["other"], "there is no policy 'other': choose one of near, far"),
        (lambda: results.difference("near", "c"), "there is no policy 'c': choose one of near, fa"),
        (lambda: results["near"][3], "there is no estimator 3: choose one of ips, snips"),
    ):
        with pytest.raises(KeyError) as error:
            call()
        assert str(error.value.args[0]).startswith(message)
    assert results.get("other") is None
    assert "dr" not in results["near"]
