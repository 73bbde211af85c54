# SPDX-License-Identifier: Apache-2.0
"""The observations that a simulator makes of a log's sessions."""

import functools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from recsim_tf import logs
from tests.alike import assert_equal
from tests.refusals import assert_refused
from tests.worlds.browsers import browsers, by_device, table_of
from tests.worlds.clicks import clicks

SIMULATOR = browsers()
USERS = {"device": "device", "age": "age"}


@functools.cache
def rolled():
    return SIMULATOR.rollout(by_device(1.0), 40, 3, seed=0)


def read(table=None, **arguments):
    table = table_of(rolled()) if table is None else table
    return logs.from_table(table, user_columns=USERS, document_ids=range(3), **arguments)


def offered(number=3):
    """A table of the candidates of each step."""
    steps = table_of(rolled())[["session", "step"]].drop_duplicates()
    return steps.merge(pd.DataFrame({"document": range(number)}), how="cross")


def observed(log, simulator=SIMULATOR):
    return logs.with_observations(simulator, log)


@pytest.mark.parametrize("candidates", [None, offered()], ids=["a catalogue", "a table"])
def test_a_table_is_observed_as_the_simulator_observes_its_sessions(candidates):
    """The candidates are those of a table, or the whole catalogue of a model."""
    log, expected = observed(read(candidates=candidates)), logs.from_trajectory(rolled(), SIMULATOR)
    assert_equal(log.observation.user, expected.observation.user)
    assert log.observation.user["clicks"].max() > 0
    assert_equal(log.observation.response, expected.observation.response)
    np.testing.assert_array_equal(log.candidates[3, 1], [0, 1, 2])
    np.testing.assert_array_equal(log.observation.documents["tens"][3, 1], [0, 10, 20])
    shown = np.take_along_axis(log.candidates, log.slate, axis=2)
    np.testing.assert_array_equal(shown, read().documents)


def test_observations_of_the_simulators_structure_stay():
    log = logs.from_trajectory(rolled(), SIMULATOR)
    marked = log._replace(
        observation=log.observation._replace(user=log.observation.user | {"age": log.active * 5.0})
    )
    marked.observation.user["age"] = marked.observation.user["age"].astype(np.float32)
    again = observed(marked).observation
    assert all(
        leaf is like
        for leaf, like in zip(
            tf.nest.flatten(again), tf.nest.flatten(marked.observation), strict=True
        )
    )


@pytest.mark.slow
def test_pieces_are_observed_as_the_whole_log_is():
    log = read()
    stream = logs.LogStream(lambda: (log.take(slice(0, 20)), log.take(slice(20, None))))
    pieces = [piece.observation for piece in observed(stream).pieces()]
    joined = tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *pieces)
    assert_equal(joined, observed(log).observation)


def test_a_missing_cell_is_a_negative_integer_or_not_a_number():
    table = table_of(rolled())
    table.loc[table["session"] == "0003", ["device", "age"]] = None
    user = observed(read(table)).observation.user
    complete = observed(read()).observation.user
    for name, missing in (("device", -1), ("age", np.nan)):
        np.testing.assert_array_equal(user[name][3], np.full(3, missing))
        rest = np.arange(40) != 3
        np.testing.assert_array_equal(user[name][rest], complete[name][rest])
        assert user[name].dtype == complete[name].dtype
    np.testing.assert_array_equal(user["clicks"], complete["clicks"])


def test_features_of_candidates_are_observed_where_simulations_have_them():
    """A table of candidates with features is the simulator's document model, see `Logged`."""
    log = read(candidates=offered().assign(price=np.arange(360.0)))
    assert observed(log).observation.documents is log.observation.documents
    simulator = logs.with_logged_candidates(SIMULATOR, log)
    assert simulator.observation_spec().documents.shape == (3, 1)


def test_candidates_without_features_are_observed_as_the_document_model_observes_them():
    simulator = logs.with_logged_candidates(SIMULATOR, read(candidates=offered()))
    seen = simulator.observe(simulator.reset(2, seed=0)).documents
    np.testing.assert_array_equal(seen["tens"], [[0, 10, 20]] * 2)


def test_users_of_one_step_need_no_responses():
    table = table_of(rolled()).query("step == 0").drop(columns="clicked").assign(reward=1.0)
    np.testing.assert_array_equal(observed(read(table)).observation.user["clicks"], 0)


def test_a_log_of_unknown_candidates_stays_as_it_is():
    log = read()
    assert observed(log, browsers(num_documents=4)) is log


def of_rewards():
    return read(table_of(rolled()).drop(columns="clicked").assign(reward=1.0))


REFUSALS = [
    (
        lambda: observed(read(), browsers(is_hidden=False)),
        "log must have the initial draw taste, on which the model's observations depend, got none",
    ),
    (
        lambda: observed(read()._replace(initial=())),
        "log must have the initial draws, on which the model's observations depend, got none",
    ),
    (lambda: observed(of_rewards()), "log must have responses of the users, on which the model's"),
    (
        lambda: observed(read()._replace(documents=read().documents + 1)),
        "log.documents must be of the 3 documents of the model, got 3",
    ),
    (
        lambda: observed(logs.from_table(table_of(rolled()), document_ids=range(4))),
        "log must have the 3 documents of the model, got 4: from_table reads them as document_ids=",
    ),
    (
        lambda: observed(read(candidates=offered())._replace(documents=read().documents + 0.5)),
        "log.documents must be those of the model, to observe users after their first step",
    ),
    (
        lambda: observed(read(), clicks(slate_size=3)),
        "model must show slates of 2 documents, like the log, got 3",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_logs_that_cannot_be_observed_are_refused_in_one_line(call, message):
    assert_refused(call, message)
