"""Release years and genres of MovieLens movies."""

import os
from typing import NamedTuple

import numpy as np

from recsim_tf.fitting.logs.tables import parsing
from recsim_tf.fitting.logs.tables.faults import Faults
from recsim_tf.fitting.logs.tables.frames import read_columns

_LAST_YEAR = 9999
_COLUMNS = ("item_id", "release_year", "class")


class MovieFeatures(NamedTuple):
    """Features of D movies, in order of movie id."""

    genre_names: tuple[str, ...]  # G of them, sorted
    genres: np.ndarray  # bool [D, G], a movie may have several
    release_year: np.ndarray  # int32 [D], 0 where it is not known


def read_movies(path: str | os.PathLike, *, num_movies: int = 1682) -> MovieFeatures:
    """Reads `ml-100k.item`: tab-separated with the header `item_id:token movie_title:token_seq
    release_year:token class:token_seq`.

    Args:
      path: the file.
      num_movies: D; ids are from 1 to D. A movie that the file lacks has no genre and no year.

    Raises:
      FileNotFoundError: if there is no such file.
      ImportError: without pandas.
      ValueError: for a missing column or a file without movies; for a movie id that is out of range
        or there twice, with its row, counted from 0 at the first line of data.
    """
    # A title may hold a quotation mark.
    frame = read_columns(os.fspath(path), _COLUMNS, sep="\t", quoting=3)
    faults = Faults(frame)
    index = faults.whole_numbers("item_id", 1, num_movies) - 1
    repeated = frame["item_id"].duplicated().to_numpy()
    faults.refuse(repeated, "item_id", "differ from the other movies", "duplicate movie")
    indicators = frame["class"].fillna("").str.get_dummies(sep=" ")
    genres = np.zeros((num_movies, indicators.shape[1]), bool)
    genres[index] = indicators.to_numpy(bool)
    year = parsing.numbers(frame["release_year"])
    no_year = np.isfinite(year) & ~(parsing.is_whole(year) & (year >= 0) & (year <= _LAST_YEAR))
    faults.refuse(no_year, "release_year", f"be a year up to {_LAST_YEAR}", "invalid year")
    release_year = np.zeros(num_movies, np.int32)
    release_year[index] = np.where(np.isfinite(year), year, 0)
    return MovieFeatures(tuple(indicators.columns), genres, release_year)
