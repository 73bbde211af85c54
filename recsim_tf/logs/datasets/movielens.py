# SPDX-License-Identifier: Apache-2.0
"""MovieLens: ratings as logged sessions, with slates by sampled negatives, and movies' features."""

import os
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np

from recsim_tf.core.base.arguments import Count, WholeNumber, checked
from recsim_tf.core.base.ranges import Range
from recsim_tf.logs.log import Log, repeat_last_step
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import read_columns, read_separated
from recsim_tf.logs.tables.parsing import pandas

_COLUMNS = ["user_id", "item_id", "rating", "timestamp"]
_MOVIE_COLUMNS = ("item_id", "release_year", "class")
_LAST_YEAR = 9999


class MovieLensLog(NamedTuple):
    """S users of up to T ratings. Each user has one session, in order of user id; each rating is a
    choice from K movies.

    Steps after the end of a session repeat its last step, except `test`, which is False there.
    """

    # `documents` are int32 movie ids less 1, `response` the position of the movie rated, int32.
    log: Log
    test: np.ndarray  # bool [S, T], the last events of each user
    user_ids: np.ndarray  # int64 [S]
    rating: np.ndarray  # float32 [S, T], stars of the movie chosen
    timestamp: np.ndarray  # int64 [S, T], seconds since 1970
    num_movies: int  # number of movies, D

    @property
    def train(self) -> np.ndarray:
        """The active steps that are not for test, bool [S, T]."""
        return self.log.active & ~self.test


class Ratings(NamedTuple):
    """Ratings, [N] each, in the order of the file."""

    user: np.ndarray  # int64
    movie: np.ndarray  # from 1
    rating: np.ndarray  # stars
    timestamp: np.ndarray  # seconds since 1970


@checked
def read_movielens(
    path: str | os.PathLike,
    *,
    num_movies: Count = 1682,
    num_negatives: Count = 9,
    train_fraction: Annotated[float, Range(above=0, high=1)] = 0.8,
    seed: WholeNumber = 0,
    position_seed: WholeNumber = 1,
) -> MovieLensLog:
    """Reads MovieLens-100K (Harper & Konstan 2015, ACM TiiS 5(4), 19) as choices from slates.

    A user's events are ordered by time; ties are broken by `numpy.random.default_rng(seed)`, with
    one number for each line of the file. The slate of an event is the movie rated and
    `num_negatives` movies that the user had not rated up to then. Negatives are ids from 1 to
    `num_movies`, drawn one after the other by another `default_rng(seed)`, through all events in
    the order of user id, time and tie; rated and repeated ids are rejected. A movie that the user
    rates later can be a negative: if it could not, negatives would reveal the future.

    The movie rated stands at a position drawn by `default_rng(position_seed)`, and the negatives
    fill the others in the order of their draws, so that positions do not reveal the choice. The
    first `floor(train_fraction * events)` events of each user are for training, the rest for test.

    Args:
      path: `ml-100k.inter`, tab-separated with the header `user_id:token item_id:token rating:float
        timestamp:float` in any order of columns, or `u.data`, the same columns in this order
        without a header.
      num_movies: number of movies, D.
      num_negatives: number of negatives of a slate, K - 1.
      train_fraction: fraction of a user's events that are for training, in (0, 1].
      seed: the seed of ties and negatives.
      position_seed: the seed of the positions.

    Raises:
      FileNotFoundError, ImportError: see `from_table`.
      ValueError: for an argument out of range; for a fault, with its row and column, see
        `from_table`; and for a user who has rated too many movies for `num_negatives` others.
    """
    if num_negatives >= num_movies:
        raise ValueError(
            f"num_negatives must be below num_movies={num_movies}, got {num_negatives}"
        )
    events = read_ratings(path, num_movies)
    ties = np.random.default_rng(seed).random(len(events.user))
    order = np.lexsort((ties, events.timestamp, events.user))
    events = Ratings(*(values[order] for values in events))
    negatives = sample_negatives(events.user, events.movie, num_movies, num_negatives, seed)
    user_ids, begin, row, length = np.unique(
        events.user, return_index=True, return_inverse=True, return_counts=True
    )
    step = np.arange(len(row)) - begin[row]
    num_slots = num_negatives + 1
    position = np.random.default_rng(position_seed).integers(num_slots, size=len(row))
    slates = np.empty((len(row), num_slots), np.int32)
    is_chosen = np.arange(num_slots) == position[:, np.newaxis]
    slates[is_chosen] = events.movie
    slates[~is_chosen] = negatives.ravel()

    def by_step(values, dtype):
        padded = np.zeros((len(user_ids), length.max(), *values.shape[1:]), dtype)
        padded[row, step] = values
        return repeat_last_step(padded, length)

    log = Log(
        length=length.astype(np.int32),
        departed=np.zeros(len(user_ids), bool),
        documents=by_step(slates - 1, np.int32),
        shown=np.ones((len(user_ids), length.max(), num_slots), bool),
        response=by_step(position, np.int32),
    )
    num_train = np.floor(train_fraction * length + 1e-9).astype(np.int64)
    test = log.active & (np.arange(log.max_length) >= num_train[:, np.newaxis])
    return MovieLensLog(
        log,
        test,
        user_ids,
        by_step(events.rating, np.float32),
        by_step(events.timestamp, np.int64),
        num_movies,
    )


def read_ratings(path: str | os.PathLike, num_movies: int = 1682) -> Ratings:
    """Reads the ratings of a file. The file and the errors are those of `read_movielens`."""
    path = os.fspath(path)
    head = read_separated(path, sep="\t", header=None, nrows=1)
    has_header = not np.isfinite(parsing.numbers(head.iloc[0])).any()
    if not has_header and head.shape[1] != len(_COLUMNS):
        raise ValueError(
            f"{path} must have the columns {', '.join(_COLUMNS)}, got {head.shape[1]} columns"
        )
    names = None if has_header else _COLUMNS
    faults = Faults(
        read_columns(path, _COLUMNS, sep="\t", names=names), path=path if has_header else ""
    )
    user = faults.numbers("user_id", parsing.is_whole, "be a whole number")
    movie = faults.whole_numbers("item_id", 1, num_movies)
    rating = faults.numbers(
        "rating", lambda stars: (stars > 0) & (stars < 100), "be a number of stars"
    )
    time = faults.whole_numbers("timestamp", 0, parsing.LARGEST_WHOLE)
    is_repeated = pandas().DataFrame({"user": user, "movie": movie}).duplicated().to_numpy()
    faults.refuse(is_repeated, "item_id", "differ from the other movies of its user", "rated twice")
    return Ratings(user.astype(np.int64), movie, rating, time)


def sample_negatives(
    user: np.ndarray, movie: np.ndarray, num_movies: int, num_negatives: int, seed: int
) -> np.ndarray:
    """Ids of movies that each event's user had not rated up to and including the event, int64
    [N, num_negatives]; see `read_movielens`. The N events are grouped by user, in the order of
    time.
    """
    numbers = _numbers(np.random.default_rng(seed), num_movies)
    negatives = np.empty((len(user), num_negatives), np.int64)
    rated: set[int] = set()
    previous = None
    # Whether a number is rejected depends on all numbers before it, so events are not vectorised.
    for event, (user_id, chosen) in enumerate(zip(user.tolist(), movie.tolist(), strict=True)):
        if user_id != previous:
            rated, previous = set(), user_id
        rated.add(chosen)
        if num_movies - len(rated) < num_negatives:
            raise ValueError(
                f"num_negatives={num_negatives} must be at most the movies that a user has not"
                f" rated, but user {user_id} has rated {len(rated)} of num_movies={num_movies}"
            )
        drawn: list[int] = []
        while len(drawn) < num_negatives:
            number = next(numbers)
            if number not in rated and number not in drawn:
                drawn.append(number)
        negatives[event] = drawn
    return negatives


def _numbers(generator: np.random.Generator, num_movies: int) -> Iterator[int]:
    """Random ids from 1 to `num_movies`, equal to those of calls for single numbers."""
    while True:
        yield from generator.integers(1, num_movies + 1, size=1 << 16).tolist()


class MovieFeatures(NamedTuple):
    """Features of D movies, in order of movie id."""

    genre_names: tuple[str, ...]  # G names, sorted
    genres: np.ndarray  # bool [D, G], a movie may have several
    release_year: np.ndarray  # int32 [D], 0 where it is not known


def read_movies(path: str | os.PathLike, *, num_movies: int = 1682) -> MovieFeatures:
    """Reads `ml-100k.item`: tab-separated with the header `item_id:token movie_title:token_seq
    release_year:token class:token_seq`.

    Args:
      path: the file.
      num_movies: number of movies D; ids are from 1 to D. A movie that the file lacks has no genre
        and no year.

    Raises:
      FileNotFoundError, ImportError: see `from_table`.
      ValueError: for a fault, with its row and column, see `from_table`; and for a repeated movie.
    """
    # A title may contain a quotation mark.
    texts = ("class", "class:token_seq")
    frame = read_columns(os.fspath(path), _MOVIE_COLUMNS, sep="\t", quoting=3, texts=texts)
    faults = Faults(frame, path=os.fspath(path))
    index = faults.whole_numbers("item_id", 1, num_movies) - 1
    repeated = pandas().Series(index).duplicated().to_numpy()
    faults.refuse(repeated, "item_id", "differ from the other movies", "duplicate movie")
    indicators = frame["class"].str.get_dummies(sep=" ")
    genres = np.zeros((num_movies, indicators.shape[1]), bool)
    genres[index] = indicators.to_numpy(bool)
    year = parsing.numbers(frame["release_year"])
    no_year = np.isfinite(year) & ~(parsing.is_whole(year) & (year >= 0) & (year <= _LAST_YEAR))
    faults.refuse(no_year, "release_year", f"be a year up to {_LAST_YEAR}", "invalid year")
    release_year = np.zeros(num_movies, np.int32)
    release_year[index] = np.where(np.isfinite(year), year, 0)
    return MovieFeatures(tuple(indicators.columns), genres, release_year)
