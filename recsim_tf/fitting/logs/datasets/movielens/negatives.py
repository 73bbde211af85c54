"""Negatives: movies that a user could have rated and did not."""

from collections.abc import Iterator

import numpy as np


def sample_negatives(
    user: np.ndarray, movie: np.ndarray, num_movies: int, num_negatives: int, seed: int
) -> np.ndarray:
    """Movies that each event's user had not rated up to and including it, int64 [N, num_negatives]
    of ids from 1 to `num_movies`.

    Args:
      user: int64 [N], with the events of a user beside each other in order.
      movie: int64 [N], ids of the movies rated.
      num_movies: D.
      num_negatives: number of movies for each event.
      seed: of `numpy.random.default_rng`, whose integers are used one after the other.

    Raises:
      ValueError: if a user leaves less than `num_negatives` movies.
    """
    numbers = _numbers(np.random.default_rng(seed), num_movies)
    negatives = np.empty((len(user), num_negatives), np.int64)
    rated: set[int] = set()
    previous = None
    # What a number is good for depends on all before it, so that events cannot be taken together.
    for event, (who, chosen) in enumerate(zip(user.tolist(), movie.tolist(), strict=True)):
        if who != previous:
            rated, previous = set(), who
        rated.add(chosen)
        if num_movies - len(rated) < num_negatives:
            raise ValueError(
                f"num_negatives={num_negatives} must be left of num_movies={num_movies}, but user"
                f" {who} has rated {len(rated)}"
            )
        found: list[int] = []
        while len(found) < num_negatives:
            number = next(numbers)
            if number not in rated and number not in found:
                found.append(number)
        negatives[event] = found
    return negatives


def _numbers(generator: np.random.Generator, num_movies: int) -> Iterator[int]:
    """Ids from 1 to `num_movies`, the same numbers that single calls give."""
    while True:
        yield from generator.integers(1, num_movies + 1, size=1 << 16).tolist()
