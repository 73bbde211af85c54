# SPDX-License-Identifier: Apache-2.0
"""The context of a validation: which users the questions are asked of."""

import numpy as np
import pytest

from recsim_tf.logs.log import Labels, Log
from tests.fitting.validation.contexts import context


def sessions_of(users):
    """Sessions of one step of these users; of unknown users for ()."""
    number = len(users) or 4
    return Log(np.ones(number, np.int32), labels=Labels(user=np.array(users) if users else ()))


@pytest.mark.parametrize(
    ("fitted", "held_out", "expected"),
    [
        ("abb", "bbbc", (1, 2)),
        ("ab", "baa", (2, 2)),
        ("a", "cdd", (0, 2)),
        ("", "a", None),
        ("a", "", None),
    ],
)
def test_users_who_are_also_in_training_are_counted_once_each(fitted, held_out, expected):
    asked = context(sessions_of(tuple(fitted)), sessions_of(tuple(held_out)))
    assert asked.known_users == expected


def test_users_are_not_compared_where_no_session_was_held_out():
    assert context(sessions_of(("a", "b")), None).known_users is None
