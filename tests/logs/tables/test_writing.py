# SPDX-License-Identifier: Apache-2.0
"""Logs as tables, and back."""

import numpy as np
import pytest

import recsim_tf
from recsim_tf.logs import Log, from_table, simulated_log, to_table
from recsim_tf.logs.tables.cells import default_columns
from tests.logs.tables.test_table import EVERYTHING, table
from tests.refusals import assert_refused

# Everything but the time, of which logs know the order only.
ROLES = {role: name for role, name in EVERYTHING.items() if role != "timestamp"}


# What users did and were shown, and what it earned.
FIELDS = [*Log._fields[: Log._fields.index("slate")], "reward"]


def again(log, num_documents=3, **arguments):
    written = to_table(log)
    roles = default_columns(written)
    ids = log.labels.document if len(log.labels.document) else range(num_documents)
    return from_table(written, roles, document_ids=ids, slate_size=log.slate_size, **arguments)


def assert_same(one, other):
    for name in FIELDS:
        leaf, other_leaf = getattr(one, name), getattr(other, name)
        assert type(leaf) is type(other_leaf), name
        leaves = (
            zip(leaf, other_leaf, strict=True) if isinstance(leaf, tuple) else [(leaf, other_leaf)]
        )
        for first, second in leaves:
            np.testing.assert_array_equal(first, second, err_msg=name)
            assert first.dtype == second.dtype, name


def test_engagement_and_several_attributes_come_back():
    frame = table(age=[1.0, 2, 3, 4, 5])
    log = from_table(frame, ROLES, attributes=["quality", "age"]).with_engagement()
    read = again(log, attributes=["quality", "age"])
    assert_same(read.with_engagement(), log)


def test_clicks_and_purchases_come_back():
    frame = table(click=[1, 1, 1, 0, 1], bought=[0, 1, 0, 0, 1], minutes=[2.0, 2.5, 4.0, 0, 3.0])
    log = from_table(frame, ROLES, multiple_clicks=True).with_engagement()
    assert_same(again(log, multiple_clicks=True).with_engagement(), log)
    log = from_table(frame, ROLES | {"purchased": "bought"})
    assert_same(again(log), log)


def test_simulated_sessions_come_back():
    simulator = recsim_tf.make("PageClicks-v0")
    log = simulated_log(simulator, 20, 5, latent=("initial",))._replace(hidden=())
    found = again(log, 10_000, multiple_clicks=True)
    # Click models draw floats; a table has whole numbers.
    clicks = log.response.astype(np.int32)
    documents = np.where(log.shown, log.documents, 0)
    clicks_earn = log._replace(documents=documents, response=clicks, reward=clicks.astype(float))
    assert_same(found, clicks_earn)
    half = log._replace(response=log.response + 0.5)
    assert_refused(lambda: to_table(half), "must have clicked shown documents, got others at")


LOG = from_table(table(), ROLES, attributes=["quality"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial": np.zeros([2])}, r"log.initial must be \(\) or a dict of columns"),
        (
            {"initial": {"taste": np.zeros([2, 4])}},
            r"one value for each .* 'taste' of shape \(2, 4",
        ),
        ({"innovation": np.zeros([2, 2])}, r"log.innovation must be \(\) or a context"),
        ({"query": np.zeros([2, 2])}, r"log.query must be \(\)"),
        ({"shown": ()}, "to_table needs a log with shown, got none"),
        ({"shown": LOG.shown & False}, "a document in each step, got a step without one"),
        (
            {"documents": np.zeros([2, 2, 2, 5])},
            r"log.documents must be integers \(2, 2, 2\) in a table, got float64 \(2, 2, 2, 5\)",
        ),
        ({"response": LOG.response + 1}, "must have clicked shown documents, got others at"),
        ({"response": np.zeros([2, 2])}, r"log.response must be integers \(2, 2\) or \(2, 2, 2\)"),
        (
            {"response": (LOG.response,) * 3},
            r"in a table, got int32 \(2, 2\), int32 \(2, 2\), int32",
        ),
        ({"response": LOG.response * 0}, r"shown documents, got others at \[0, 1, 0\]"),
        ({"hidden": LOG.documents}, r"log.hidden must be floats \(2, 2, 2\)"),
    ],
)
def test_what_no_table_holds_is_one_line(changes, message):
    assert_refused(lambda: to_table(LOG._replace(**changes)), message)
