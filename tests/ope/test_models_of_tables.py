# SPDX-License-Identifier: Apache-2.0
"""Policies that are judged by weights and by a model at once, from tables."""

import functools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from recsim_tf import logs, ope
from recsim_tf.ope.responses import ResponseGap
from recsim_tf.policies import PlackettLucePolicy
from tests.refusals import assert_refused
from tests.worlds.browsers import browsers, by_device, table_of

CATALOGUE, CHANGING = browsers(), browsers(num_documents=5)
OLD, NEW = by_device(1.0), by_device(2.0)
BOTH = ("snips", "calibrated")
EVEN = np.full([400, 2], 1 / 6)


@functools.cache
def rolled(simulator, num_sessions=400, num_steps=2):
    return simulator.rollout(OLD, num_sessions, num_steps, seed=0)


def read(simulator=CATALOGUE, num_documents=3, is_offered=False, **columns):
    table = table_of(rolled(simulator), **columns)
    steps = table[["session", "step"]].drop_duplicates()
    offered = steps.merge(pd.DataFrame({"document": range(num_documents)}), how="cross")
    return logs.from_table(
        table,
        user_columns={"device": "device", "age": "age"},
        candidates=offered if is_offered else None,
        document_ids=range(num_documents),
    )


def probabilities(simulator, policy):
    log = logs.from_trajectory(rolled(simulator), simulator, logging=policy)
    return np.exp(log.propensity.slate)


def judged(log, policies=NEW, estimators=BOTH, **arguments):
    judge = ope.compare if isinstance(policies, dict) else ope.evaluate
    options = {"model": CATALOGUE, "logging": OLD, "num_simulated": 400}
    return judge(policies, log, estimators, **options | arguments)


@pytest.mark.slow
def test_a_policy_of_the_simulator_is_asked_about_a_table_of_a_catalogue():
    """No table of candidates is needed where the model always has the same ones."""
    log = read(propensity=probabilities(CATALOGUE, OLD))
    expected = logs.from_trajectory(rolled(CATALOGUE), CATALOGUE, logging=OLD)
    result, same = judged(log, estimators=("snips",)), judged(expected, estimators=("snips",))
    assert result["snips"].value == pytest.approx(same["snips"].value, rel=1e-5)
    assert result["snips"].value != pytest.approx(result.logged.value, rel=1e-3)


@pytest.mark.long
def test_pieces_of_a_table_are_asked_about_as_the_whole_is():
    log = read(propensity=probabilities(CATALOGUE, OLD))
    stream = logs.LogStream(lambda: (log.take(slice(0, 200)), log.take(slice(200, None))))
    result, whole = judged(stream), judged(log)
    for name in BOTH:
        assert result[name].value == pytest.approx(whole[name].value, rel=1e-6)


@pytest.mark.long
def test_a_table_with_the_probabilities_of_both_policies_is_judged_with_a_model():
    """The log's probabilities are the weights, and the policy acts in the simulation."""
    columns = {
        "propensity": probabilities(CHANGING, OLD),
        "target_propensity": probabilities(CHANGING, NEW),
    }
    log = read(CHANGING, 5, **columns)
    result = judged(log, model=CHANGING)
    of_weights = ope.evaluate(None, log, ("snips",))["snips"]
    assert result["snips"].value == of_weights.value
    simulated = judged(log, estimators=("calibrated",), model=CHANGING)["calibrated"]
    assert result["calibrated"].value == simulated.value
    assert isinstance(result["calibrated"].response, ResponseGap)


def without_candidates():
    return read(CHANGING, 5, propensity=EVEN, target_propensity=EVEN)


def of_known_devices():
    """The logits of a policy that does not accept a missing device."""
    table = tf.constant([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    return PlackettLucePolicy.of_logits(lambda seen: tf.gather(table, seen.user["device"]), 2)


def of_missing_devices():
    log = read(propensity=EVEN)
    return log._replace(initial=log.initial | {"device": np.full(400, np.nan)})


REFUSALS = [
    (
        lambda: judged(of_missing_devices(), of_known_devices(), ("snips",)),
        "policy must accept the observations of the log, in which missing integers .*-1 is n",
    ),
    (
        lambda: judged(
            read(propensity=EVEN, is_offered=True),
            of_known_devices(),
            ("snips",),
            model=None,
        ),
        "policy must accept the observations of the log, .*with_observations makes those of a sim",
    ),
    # The probabilities of a log are those of one policy.
    (
        lambda: judged(without_candidates(), {"new": NEW, "old": OLD}, model=CHANGING),
        "log.observation must be given to .* of a single policy beside a model",
    ),
    (
        lambda: judged(without_candidates(), model=None, estimators=("snips",)),
        "log.observation must be given to .* of a single policy beside a model",
    ),
    (
        lambda: judged(
            read(propensity=EVEN), model=browsers(is_hidden=False), estimators=("snips",)
        ),
        "log must have the initial draw taste, on which the model's observations depend, got none",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_policies_that_cannot_be_asked_are_refused_in_one_line(call, message):
    assert_refused(call, message)
