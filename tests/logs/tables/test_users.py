# SPDX-License-Identifier: Apache-2.0
"""Columns of a table that tell of a session's user."""

import numpy as np
import pandas as pd
import pytest

from recsim_tf.logs import from_table

COLUMNS = {name: name for name in ("session", "step", "position", "document", "clicked")}
USERS = {"device": "phone", "age": "years"}


def table(phone, years) -> pd.DataFrame:
    """Sessions 7 and 4 with two steps each of one document."""
    return pd.DataFrame(
        {
            "session": [7, 7, 4, 4],
            "step": [0, 1, 0, 1],
            "position": 0,
            "document": [1, 2, 1, 2],
            "clicked": [0, 1, 0, 0],
            "phone": phone,
            "years": years,
        }
    )


def test_text_is_codes_and_numbers_stay_and_empty_cells_are_filled():
    found = from_table(
        table(["b", "b", None, "a"], [40, np.nan, np.nan, np.nan]), COLUMNS, user_columns=USERS
    )
    np.testing.assert_array_equal(found.initial["device"], np.array([1, 0], np.int32))
    np.testing.assert_array_equal(found.initial["age"], np.array([40, np.nan], np.float32))
    np.testing.assert_array_equal(found.labels.texts["device"], ["a", "b"])
    assert list(found.labels.texts) == ["device"]
    assert found.initial["device"].dtype == np.int32


def test_a_session_without_a_value_has_none():
    found = from_table(table([None] * 2 + ["x"] * 2, 1), COLUMNS, user_columns=USERS)
    np.testing.assert_array_equal(found.initial["device"], [-1, 0])


def test_several_values_are_refused_or_dropped():
    faulty = table("x", [1, 1, 2, 3])
    with pytest.raises(ValueError, match="row 2, column 'years' must have one value a session"):
        from_table(faulty, COLUMNS, user_columns=USERS)
    found = from_table(faulty, COLUMNS, user_columns=USERS, drop_invalid=True)
    np.testing.assert_array_equal(found.initial["age"], [1])
    assert found.labels.dropped == {"several values of years": 1}


def test_columns_must_be_there():
    with pytest.raises(ValueError, match="column 'phone' is missing"):
        from_table(table(1, 1).drop(columns="phone"), COLUMNS, user_columns=USERS)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([1j] * 4, "complex128"),
        (pd.to_datetime(["2020-01-01"] * 4), r"datetime64\[.*\]"),
        ([[1]] * 4, "list"),
        (["a", "a", b"a", b"a"], "bytes"),
    ],
)
def test_cells_that_are_neither_numbers_nor_text_are_refused(cells, kind):
    with pytest.raises(ValueError, match=f"column 'phone' must hold numbers or text, got {kind}$"):
        from_table(table(cells, 1), COLUMNS, user_columns=USERS)
