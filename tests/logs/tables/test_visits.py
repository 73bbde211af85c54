# SPDX-License-Identifier: Apache-2.0
"""Visits of users who come back, from the timestamps of a table."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import fitting, logs
from recsim_tf.logs import TableVisits, from_table
from recsim_tf.policies import random_policy
from tests.environments.returning.world import Readers, ReturningReaders, Shelf
from tests.refusals import assert_refused

COLUMNS = {name: name for name in ("session", "step", "timestamp", "position", "document")}
COLUMNS["clicked"] = "clicked"
HORIZON, DAY = 20.0, 86400.0


@pytest.fixture(scope="module")
def simulator():
    users = ReturningReaders(Readers(0.4, dtype=tf.float64), horizon=HORIZON)
    return recsim_tf.Simulator(users, Shelf(dtype=tf.float64), slate_size=2, num_candidates=4)


@pytest.fixture(scope="module")
def trajectory(simulator):
    return simulator.rollout(random_policy(simulator), 200, 120, seed=0)


@pytest.fixture(scope="module")
def simulated(simulator, trajectory) -> pd.DataFrame:
    """The trajectory as a table: a step lasts a minute, a first visit may be at any time."""
    log = logs.from_trajectory(trajectory)
    state = simulator.replay(trajectory).user
    row, step, position = np.nonzero(np.repeat(log.active[:, :, np.newaxis], 2, axis=2))
    start = 1e9 + 1e5 * np.arange(len(log.length))
    day, of_visit = (part.numpy().T[row, step] for part in (state.day, state.step))
    return pd.DataFrame(
        {
            "session": row,
            "step": step,
            "timestamp": start[row] + day * DAY + of_visit * 60.0,
            "visit": state.visit.numpy().T[row, step],
            "position": position,
            "document": log.documents[row, step, position],
            "clicked": (log.response[row, step] == position).astype(int),
        }
    ).sample(frac=1, random_state=0)


def read(table, columns=COLUMNS, **visits) -> logs.Log:
    how = TableVisits(**({"horizon": HORIZON, "end": 2e9} | visits))
    found = from_table(table, columns, document_ids=range(10), visits=how)
    order = np.argsort(found.labels.session.astype(int))
    return found.take(order)


@pytest.mark.slow
@pytest.mark.parametrize("by", [pytest.param("visit", marks=pytest.mark.slow), "pause"])
def test_a_simulated_table_has_the_probability_of_its_trajectory(
    simulator, trajectory, simulated, by
):
    if by == "visit":
        log = read(simulated, COLUMNS | {"visit": "visit"})
    else:
        # Two visits of these users are longer apart than this.
        log = read(simulated, pause=90 / 3600)
    assert trajectory.transitions.terminated.numpy().any(axis=0).all()
    of_trajectory = logs.from_trajectory(trajectory)
    np.testing.assert_array_equal(log.length, of_trajectory.length)
    assert log.departed.all()
    log = log._replace(initial=of_trajectory.initial)
    np.testing.assert_allclose(
        fitting.session_log_prob(simulator, log), simulator.log_prob(trajectory).user, rtol=1e-4
    )


@pytest.mark.slow
def test_gaps_and_visit_ends_are_fitted_from_a_table(simulator, trajectory, simulated):
    log = read(simulated, COLUMNS | {"visit": "visit"})
    log = log._replace(initial=logs.from_trajectory(trajectory).initial)
    truth = {"users.gap_loc": 0.5, "users.eagerness": 0.5, "users.users.leaving_prob": 0.4}
    supports = {"users.users.leaving_prob": "unit"}
    parameters = {name: fitting.Parameter(0.2, supports.get(name, "real")) for name in truth}
    found = fitting.fit(simulator, parameters, log).estimates
    for name, value in truth.items():
        assert abs(found[name].value - value) < 3 * found[name].standard_error


def table(days, sessions=None, **more) -> pd.DataFrame:
    """Slates of one document at some days."""
    number = len(days)
    columns = {
        "session": [0] * number if sessions is None else sessions,
        "step": range(number),
        "timestamp": np.asarray(days) * DAY,
        "position": 0,
        "document": 0,
        "clicked": 0,
    }
    return pd.DataFrame(columns | more)


def visit_of(log):
    ends, days = log.innovation.visit
    return ends.tolist(), np.round(days, 6).tolist()


def test_a_pause_ends_a_visit_and_the_end_of_the_log_censors_the_last():
    found = read(table([3, 3.01, 5, 5.02]), pause=1.0, end=10 * DAY)
    assert visit_of(found) == ([[0, 1, 0, 1]], [[0, 2, 0, -5]])
    assert found.departed.tolist() == [False]


def test_a_visit_that_may_still_go_on_has_no_end():
    found = read(table([3, 5, 5.02]), pause=1.0, end=5.03 * DAY)
    assert visit_of(found) == ([[1, 0, 0]], [[2, 0, 0]])
    assert found.departed.tolist() == [False]


@pytest.mark.parametrize("days", [[3, 5], [3, 5, 23, 30], [3, 5, 22.99999]])
def test_what_is_later_than_the_horizon_is_left_out(days):
    found = read(table(days), pause=1.0, end=50 * DAY)
    assert visit_of(found) == ([[1, 1]], [[2, HORIZON]])
    assert found.length.tolist() == [2]
    assert found.departed.tolist() == [True]


def test_each_session_has_a_clock_of_its_own_and_shorter_ones_repeat_their_last_step():
    found = read(table([3, 5, 9], [0, 0, 1]), pause=1.0, end=9 * DAY)
    # The second user is there when the log ends.
    assert visit_of(found) == ([[1, 1], [0, 0]], [[2, -4], [0, 0]])


def test_timestamps_may_be_dates_or_have_another_unit():
    expected = visit_of(read(table([3, 5]), pause=1.0, end=10 * DAY))
    dates = pd.to_datetime(["2024-01-03", "2024-01-05"])
    for timestamp in (dates, dates.astype(str)):
        found = read(table([0, 0], timestamp=timestamp), pause=1.0, end="2024-01-10")
        assert visit_of(found) == expected
    found = read(table([3, 5], timestamp=[3, 5]), pause=1.0, end=10, unit=DAY)
    assert visit_of(found) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: read(table([1])), "by either a column for 'visit' or a pause, got"),
        (
            lambda: read(table([1], left=1), COLUMNS | {"departed": "left"}, pause=1.0),
            "columns must have no 'departed' beside visits",
        ),
        (
            lambda: from_table(table([1], visit=1), COLUMNS | {"visit": "visit"}),
            "for a column 'visit', got",
        ),
        (
            lambda: read(table([1, 1], visit=[1, 2]), COLUMNS | {"visit": "visit"}),
            "row 1, column 'timestamp' must increase from visit to visit, got 86400",
        ),
        (
            lambda: from_table(
                table([1], clicked=2), COLUMNS, visits=TableVisits(1.0, 1.0), drop_invalid=True
            ),
            "a session without a fault, got none: 1 of 1 sessions dropped: invalid clicked 1",
        ),
        (lambda: read(table([1]), pause=1.0, end=0), "end must not be before the last timestamp"),
        (lambda: read(table([1]), pause=1.0, end="2024-01-01"), "end must be a number, like the"),
    ],
)
def test_bad_input_is_one_line(make, message):
    assert_refused(make, message)
