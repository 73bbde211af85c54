# SPDX-License-Identifier: Apache-2.0
"""Logs and trajectories are printed in a few lines."""

import numpy as np
import pandas as pd
import pytest

import recsim_tf
from recsim_tf import logs
from recsim_tf.policies import random_policy
from tests.logs import everything

FIELDS = [name for name, value in everything.log()._asdict().items() if name != "length"]


@pytest.fixture(scope="module")
def simulator():
    return recsim_tf.interest_exploration(slate_size=2, num_candidates=4, max_steps=4)


@pytest.fixture(scope="module")
def trajectory(simulator):
    return simulator.rollout(random_policy(simulator), 3, 4, seed=0)


def full_log():
    """A log with everything, of which sessions were dropped for four reasons."""
    frame, faults = everything.table(), []
    for name, value in (("step", 0.5), ("position", -1), ("clicked", 7), ("reward", "x")):
        fault = frame[frame["session"] == "a"].astype(object).assign(session=name)
        faults.append(fault.assign(**{name: value}))
    offered = everything.candidates()
    copies = [
        offered[offered["session"] == "a"].assign(session=each["session"].iloc[0])
        for each in faults
    ]
    return logs.from_table(
        pd.concat([frame.astype(object), *faults]).astype({"age": float, "hour": float}),
        user_columns=everything.USERS,
        context=everything.CONTEXT,
        attributes=["quality"],
        candidates=pd.concat([offered, *copies]),
        drop_invalid=True,
    )


def test_a_log_with_everything_is_printed_in_fifteen_lines():
    log = full_log()
    lines = repr(log).splitlines()
    assert lines[0].split() == ["Log"]
    assert len(lines) == 15
    assert str(log) == repr(log)
    assert max(map(len, lines)) <= 100
    names = [line.split()[0] for line in lines[1:]]
    assert names == [
        *("sessions", "steps", "ends", "slates", "documents", "candidates", "clicks"),
        *("engagement", "users", "context", "attributes", "reward", "propensities", "dropped"),
    ]
    said = dict(zip(names, lines[1:], strict=True))
    assert said["sessions"].endswith("2 of 2 users")
    assert said["engagement"].endswith("unknown after 33.3% of the clicks")
    assert "country (50.0% missing), age" in said["users"]
    assert "4 sessions: invalid step 1, invalid position 1" in said["dropped"]


def test_the_table_of_a_notebook_says_the_same():
    html = full_log()._repr_html_()
    assert html.count("<tr>") == 14
    assert "<caption>Log</caption>" in html
    assert "4 sessions: invalid step 1" in html


def test_text_of_a_table_cannot_break_lines_or_html():
    columns = {"user_columns": {"<b>\n\x1b[2J": "age"}}
    log = logs.from_table(everything.table(), **columns)
    assert len(repr(log).splitlines()) == 11
    assert "\x1b" not in repr(log)
    assert "<b>" not in log._repr_html_()


def test_a_simulated_log_and_its_trajectory_are_printed(simulator, trajectory):
    for shown in (trajectory, logs.from_trajectory(trajectory, simulator)):
        assert 3 <= len(repr(shown).splitlines()) <= 15
        assert 3 <= shown._repr_html_().count("<tr>") <= 14
    assert repr(trajectory).splitlines()[0].split() == ["Trajectory"]


@pytest.mark.parametrize("name", FIELDS)
def test_a_log_that_lacks_a_field_is_printed(name):
    log = everything.log()
    empty = type(getattr(log, name))() if name in ("propensity", "target", "labels") else ()
    assert 2 <= len(repr(log._replace(**{name: empty})).splitlines()) <= 15


def test_what_has_no_sessions_or_documents_is_printed():
    log = everything.log()
    assert repr(log.take([])).split()[:2] == ["Log", "fields"]
    nothing = log._replace(shown=log.shown & False)
    assert "0.00% of the documents shown" in repr(nothing)
    assert repr(logs.Log(np.array([1]))).split() == ["Log", "fields", "length"]
