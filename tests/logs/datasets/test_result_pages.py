# SPDX-License-Identifier: Apache-2.0
import logging

import numpy as np
import pandas as pd
import pytest

from recsim_tf.logs import read_result_pages
from tests.refusals import assert_refused

PAGES = pd.DataFrame(
    {
        "page": [7, 8, 9],
        "query": ["b", "a", "b"],
        "documents": [[5, 3, 9], [5, 4, 3], [3, 5, 9]],
        "clicked_positions": [[1, 0, 1], [], [2]],
        "clicks_elsewhere": [0, 0, 1],
    }
)


def changed(column, row, value) -> pd.DataFrame:
    pages = PAGES.copy()
    pages[column] = [value if i == row else cell for i, cell in enumerate(pages[column])]
    return pages


@pytest.mark.parametrize("form", ["frame", "file"])
def test_a_page_is_a_session_of_pairs_of_its_query_and_documents(tmp_path, form):
    table = PAGES
    if form == "file":
        table = tmp_path / "pages.parquet"
        PAGES.to_parquet(table)
    pages = read_result_pages(table)
    assert list(pages.pairs) == [
        (q, str(d)) for q, d in zip("bbbaaa", (5, 3, 9, 5, 4, 3), strict=True)
    ]
    log = pages.log
    np.testing.assert_array_equal(log.documents[:, 0], [[0, 1, 2], [3, 4, 5], [1, 0, 2]])
    np.testing.assert_array_equal(log.response[:, 0], [[1, 1, 0], [0, 0, 0], [0, 0, 1]])
    assert log.shown.all()
    assert (pages.num_pairs, log.num_sessions, log.max_length) == (6, 3, 1)


def test_pairs_that_are_not_known_have_one_id_and_are_counted(caplog):
    known = read_result_pages(PAGES)
    others = changed("query", 1, "c")
    others = pd.concat([others, changed("documents", 0, [5, 9, 1])[:1]])
    with caplog.at_level(logging.WARNING):
        pages = read_result_pages(others, like=known)
    np.testing.assert_array_equal(pages.log.documents[1, 0], [6, 6, 6])
    np.testing.assert_array_equal(pages.log.documents[3, 0], [0, 2, 6])
    assert "1 of 4 pages have a query that is not known, and 2 a document" in caplog.text


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        (PAGES.drop(columns="query"), "column 'query' is missing"),
        (changed("query", 2, None), "row 2, column 'query' must be an id, got (None|nan)"),
        (changed("documents", 1, "5 4 3"), "row 1, column 'documents' must be a list, got '5 4 3'"),
        (
            changed("documents", 2, [3, 5]),
            r"row 2, column 'documents' must have as many documents as the first row, 3, got",
        ),
        (changed("documents", 0, []), "row 0, column 'documents' must have at least one document"),
        (changed("documents", 1, [3, None, 5]), "row 1, column 'documents' must have ids"),
        (
            changed("clicked_positions", 2, [0, 3]),
            r"row 2, column 'clicked_positions' must have whole numbers in \[0, 2\], got \[0, 3\]",
        ),
        (changed("clicked_positions", 0, ["first"]), "row 0, column 'clicked_positions' must have"),
        (changed("clicked_positions", 0, [0.5]), "row 0, column 'clicked_positions' must have"),
    ],
)
def test_faults_are_named_with_row_and_column(pages, message):
    assert_refused(lambda: read_result_pages(pages), message)
