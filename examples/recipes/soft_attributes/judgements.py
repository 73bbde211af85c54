"""SoftAttributes: films that raters sorted into less than, about as and more than another film."""

import json
import os
from typing import Annotated, NamedTuple

import numpy as np
from recsim_tf.core.base.arguments import AtLeast, require
from recsim_tf.logs.log import Log
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import read_columns

from recipes.soft_attributes.raters import ABOUT, InitialDraw, Judgement

_BINS = ("less_than", "about_as", "more_than")
_COLUMNS = ("rater_id", "reference_title", "soft_attribute", *_BINS)


class SoftAttributes(NamedTuple):
    """N comparisons of a film with a reference film in an attribute, each by a rater. Comparisons
    that a rater made together have the same judgement.
    """

    judgement: np.ndarray  # int32 [N], in [0, J), the row of the file
    rater: np.ndarray  # int32 [N], positions in rater_ids
    attribute: np.ndarray  # int32 [N], positions in attribute_names
    reference: np.ndarray  # int32 [N], positions in titles
    film: np.ndarray  # int32 [N], positions in titles
    # The degree of the attribute in the film relative to the reference, int32 [N]: 0 for less, 1
    # for about as much, 2 for more.
    relation: np.ndarray
    rater_ids: np.ndarray  # [R], in order of first appearance
    attribute_names: tuple[str, ...]  # A names, sorted
    titles: tuple[str, ...]  # titles of D films, sorted


def read_soft_attributes(path: str | os.PathLike) -> SoftAttributes:
    """Reads `soft-attributes.csv` of the data set SoftAttributes (Balog, Radlinski and Karatzoglou
    2021, "On interpretation and measurement of soft attributes for recommendation", SIGIR;
    CC BY 4.0; github.com/google-research-datasets/soft-attributes).

    A row is a judgement: for a reference film and an attribute, a rater sorted other films into
    three lists, the JSON arrays `less_than`, `about_as` and `more_than`. An empty list may be left
    out.

    Args:
      path: the file.

    Raises:
      FileNotFoundError: if there is no such file.
      ImportError: if pandas is not installed.
      ValueError: for a missing column, or a file without rows or films; for a value that is missing
        or is not a list of titles, and for a film that occurs twice in a judgement, or is compared
        with itself, with its row, counted from 0 at the first row of data, and column.
    """
    frame = read_columns(os.fspath(path), _COLUMNS, texts=_COLUMNS)
    frame = frame.fillna(dict.fromkeys(_COLUMNS[1:], ""))
    faults = Faults(frame, path=os.fspath(path))
    rater, rater_ids = parsing.codes(frame["rater_id"])
    faults.refuse(rater < 0, "rater_id", "be the id of a rater", "missing rater_id")
    for name in _COLUMNS[1:3]:
        is_empty = frame[name].str.strip() == ""
        faults.refuse(is_empty.to_numpy(), name, "not be empty", f"missing {name}")
    lists = {name: [_titles(cell) for cell in frame[name]] for name in _BINS}
    titles_so_far = [{title} for title in frame["reference_title"]]
    for name, cells in lists.items():
        wrong = np.array([cell is None for cell in cells])
        faults.refuse(wrong, name, "be a JSON array of titles", f"invalid {name}")
        is_repeated = np.zeros(len(frame), bool)
        for row, cell in enumerate(cells):
            assert cell is not None  # None was refused.
            is_repeated[row] = len(set(cell)) < len(cell) or not titles_so_far[row].isdisjoint(cell)
            titles_so_far[row].update(cell)
        allowed = "differ from the reference and the other films of its judgement"
        faults.refuse(is_repeated, name, allowed, "film twice")
    comparisons = [
        (row, relation, title)
        for relation, name in enumerate(_BINS)
        for row, cell in enumerate(lists[name])
        for title in cell or ()
    ]
    if not comparisons:
        raise ValueError(f"{path} must compare films, got none")
    rows, relations, films = zip(*sorted(comparisons, key=lambda each: each[0]), strict=True)
    judgement = np.array(rows, np.int32)
    attribute_names, attribute = np.unique(frame["soft_attribute"].astype(str), return_inverse=True)
    every = np.array([*frame["reference_title"], *films], object)
    titles, positions = np.unique(every, return_inverse=True)
    reference, film = np.split(positions.astype(np.int32), [len(frame)])
    return SoftAttributes(
        judgement=judgement,
        rater=rater.astype(np.int32)[judgement],
        attribute=attribute.astype(np.int32)[judgement],
        reference=reference[judgement],
        film=film,
        relation=np.array(relations, np.int32),
        rater_ids=rater_ids,
        attribute_names=tuple(map(str, attribute_names)),
        titles=tuple(map(str, titles)),
    )


def soft_attributes_log(data: SoftAttributes, slate_size: int | None = None) -> Log:
    """The judgements as sessions of one step, for `conversations.soft_attributes`. The films of a
    judgement are its slate, and the rater's sense of the attribute is missing.

    Args:
      data: some or all comparisons.
      slate_size: number of films of a slate K; by default the largest number of a judgement's
        films.

    Raises:
      ValueError: for no comparisons, or for a slate_size below the default or above the number of
        films.
    """
    if not len(data.judgement):
        raise ValueError("data must have comparisons, got none")
    judgements, first, row, sizes = np.unique(
        data.judgement, return_index=True, return_inverse=True, return_counts=True
    )
    least = int(sizes.max())
    slate_size = least if slate_size is None else slate_size
    require("slate_size", slate_size, Annotated[int, AtLeast(least)])
    if slate_size > len(data.titles):
        raise ValueError(f"slate_size must be at most {len(data.titles)} films, got {slate_size}")
    order = np.argsort(row, kind="stable")
    start = np.cumsum(sizes) - sizes
    position = np.empty(len(row), np.int64)
    position[order] = np.arange(len(row)) - np.repeat(start, sizes)
    shape = (len(judgements), 1, slate_size)
    documents, response = np.zeros(shape, np.int32), np.full(shape, ABOUT, np.int32)
    shown = np.zeros(shape, bool)
    documents[row, 0, position] = data.film
    response[row, 0, position] = data.relation
    shown[row, 0, position] = True
    return Log(
        length=np.ones(len(judgements), np.int32),
        departed=np.zeros(len(judgements), bool),
        initial=InitialDraw(data.rater[first], ()),
        documents=documents,
        shown=shown,
        response=response,
        query=Judgement(data.attribute[first][:, np.newaxis], data.reference[first][:, np.newaxis]),
    )


def _titles(cell: str) -> list[str] | None:
    """The titles of a cell, or None if it is not a list of titles."""
    try:
        titles = json.loads(cell) if cell.strip() else []
    except (ValueError, RecursionError):
        return None
    if not isinstance(titles, list):
        return None
    return titles if all(parsing.is_text(title) and title for title in titles) else None
