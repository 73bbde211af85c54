# SPDX-License-Identifier: Apache-2.0
"""Result pages of a search engine as logged sessions of one page."""

import logging
import os
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.logs.log import Log
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import as_frame, check_present
from recsim_tf.logs.tables.parsing import pandas

_LOG = logging.getLogger(__name__)
_COLUMNS = ("query", "documents", "clicked_positions")


class ResultPages(NamedTuple):
    """S result pages of K documents, each a session of one step, and the pairs of their ids.

    The log is for `PageClicks-v0` of users with one feature of one category and of `pairs` of a
    query and a document as items:

        users = PageClickUsers(feature_probs=[[1.0]], click_model=UserBrowsing(examination))
        items = PageItems(pages.num_pairs + 1, item_effect=0.0, affinity_probs=[1.0])
    """

    # `documents` are positions in `pairs`, or the number of pairs for an unknown pair. `response`
    # is int32 [S, 1, K], 1 for a click.
    log: Log
    # A pandas MultiIndex [D] of the ids of queries and documents, text, by first appearance.
    pairs: Any

    @property
    def num_pairs(self) -> int:
        """The number of pairs, D."""
        return len(self.pairs)


def read_result_pages(
    table: str | os.PathLike | Any, like: ResultPages | None = None
) -> ResultPages:
    """Reads result pages, such as those of the Yandex click log (WSCD 2012), from a table with one
    row for each page:

      query: an id. Ids are text, so that 7 and "7" are the same id.
      documents: list of K ids, from the top.
      clicked_positions: list of whole numbers in [0, K). The order and the number of clicks on a
        document do not count.

    Args:
      table: a pandas DataFrame, a pyarrow Table, or the path of a Parquet file.
      like: pages whose pairs of query and document are used, such as those of a fit. A warning
        counts the pages with unknown queries and unknown documents. By default the pairs are those
        of the table.

    Raises:
      FileNotFoundError, ImportError: see `from_table`.
      ValueError: for a missing column, and for the first fault, with row and column.
    """
    pd = pandas()
    frame = as_frame(table)
    check_present(frame, _COLUMNS)
    faults = Faults(frame)
    codes, query_ids = parsing.codes(frame["query"])
    faults.refuse(codes < 0, "query", "be an id", "invalid query")
    query = query_ids[codes]
    documents, size = _entries("documents", faults)
    slate_size = size[0]
    if not slate_size:
        raise ValueError("row 0, column 'documents' must have at least one document, got none")
    allowed = f"have as many documents as the first row, {slate_size}"
    faults.refuse(size != slate_size, "documents", allowed, "other number of documents")
    row = np.repeat(np.arange(len(frame)), slate_size)
    codes, document_ids = parsing.codes(documents)
    faults.refuse(codes < 0, "documents", "have ids", "invalid document", row)
    clicks, size = _entries("clicked_positions", faults)
    position, row_of_click = parsing.numbers(clicks), np.repeat(np.arange(len(frame)), size)
    is_position = parsing.is_whole(position) & (position >= 0) & (position < slate_size)
    allowed = f"have whole numbers in [0, {slate_size - 1}]"
    faults.refuse(~is_position, "clicked_positions", allowed, "invalid position", row_of_click)
    clicked = np.zeros([len(frame), 1, slate_size], np.int32)
    clicked[row_of_click, 0, position.astype(np.int64)] = 1

    shown = pd.MultiIndex.from_arrays([query[row], document_ids[codes]], names=_COLUMNS[:2])
    pairs = shown.unique() if like is None else like.pairs
    ids = pairs.get_indexer(shown)
    if (ids < 0).any():
        new_query = ~np.isin(query.astype(str), pairs.get_level_values(0).astype(str))
        _LOG.warning(
            "%d of %d pages have a query that is not known, and %d a document that is not known for"
            " its query",
            new_query.sum(),
            len(frame),
            len(np.unique(row[ids < 0])),
        )
    ids = np.where(ids < 0, len(pairs), ids).astype(np.int32).reshape(clicked.shape)
    log = Log(
        length=np.ones(len(frame), np.int32),
        departed=np.zeros(len(frame), bool),
        initial=np.zeros([len(frame), 1], np.int32),
        documents=ids,
        shown=np.ones(ids.shape, bool),
        hidden=np.zeros_like(ids),
        response=clicked,
    )
    return ResultPages(log, pairs)


def _entries(column: str, faults: Faults) -> tuple[Any, np.ndarray]:
    """The entries of all lists of a column, a Series, and the lengths of the lists."""
    lists = faults.lists(column)
    entries = [entry for each in lists for entry in each]
    # Without entries pandas would choose a dtype other than that of a column of objects.
    dtype = None if entries else object
    return pandas().Series(entries, dtype=dtype), np.array([len(each) for each in lists])
