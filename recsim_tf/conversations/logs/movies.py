# SPDX-License-Identifier: Apache-2.0
"""A catalogue of movies with factors fitted to MovieLens ratings, and genres as attributes."""

import functools
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recsim_tf.conversations import ConversationUsers, Items
from recsim_tf.core.base.arguments import Count, checked, configurable
from recsim_tf.logs.datasets.movielens import read_movies, read_ratings

_NUM_ROUNDS = 15  # rounds of alternating least squares
_NOISE = 0.8  # variance of a rating around its expectation, in squared stars
# Variances of tastes, and lengths of directions, below this are rounding errors.
_NEGLIGIBLE = 1e-9
# Penalty of the ridge regression of "has the genre" on factors, for the genre's direction.
_RIDGE = 1.0


class MovieCatalogue(NamedTuple):
    """A catalogue of D movies with A genres."""

    movie_ids: np.ndarray  # int64 [D], ids of the data set
    bias: np.ndarray  # float32 [D], stars above the average movie
    factors: np.ndarray  # float32 [D, F], stars for each unit of a taste
    genre_names: tuple[str, ...]
    directions: np.ndarray  # float32 [A, 1, F], unit vectors


@checked
def read_movie_catalogue(
    data_dir: str | os.PathLike,
    num_factors: Count = 10,
    min_ratings: Count = 100,
    min_movies: Count = 20,
) -> MovieCatalogue:
    """Fits a catalogue to MovieLens-100K (Harper & Konstan 2015, ACM TiiS 5(4), 19).

    A rating is the mean + the movie's bias + <taste, factors> + noise. Tastes and factors have the
    prior Normal(0, 1), and their maximum a posteriori is found by alternating least squares
    (Salakhutdinov & Mnih 2008, "Probabilistic matrix factorization"). Then factors are transformed
    linearly so that the fitted tastes have the covariance of that prior. So the tastes of the
    environment's users, which are drawn from Normal(0, 1), spread like those of the raters. The
    part of a rating that comes from the mean of the raters' tastes is left out.

    Args:
      data_dir: the folder with `ml-100k.inter` and `ml-100k.item`.
      num_factors: number of factors F.
      min_ratings: number of ratings below which movies are left out.
      min_movies: number of movies below which genres are left out. Genres without a direction, such
        as a genre of all movies, are left out too.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: for an argument out of range, if no movie or genre is left, if there are at most
        as many movies or raters as factors, or if the ratings do not identify so many tastes; see
        also `read_movielens` and `read_movies`, with row and column.
    """
    paths = tuple(os.path.join(data_dir, f"ml-100k.{kind}") for kind in ("inter", "item"))
    # The times of changes are part of the key of the cache, so that changed files are read again.
    changed = tuple(os.stat(path).st_mtime_ns for path in paths if os.path.isfile(path))
    return _catalogue(paths, changed, num_factors, min_ratings, min_movies)


@functools.lru_cache(maxsize=4)
def _catalogue(
    paths: tuple[str, ...],
    changed: tuple[int, ...],
    num_factors: int,
    min_ratings: int,
    min_movies: int,
) -> MovieCatalogue:
    """The result of `read_movie_catalogue` for files that were changed at these times."""
    ratings, movies = read_ratings(paths[0]), read_movies(paths[1])
    counts = np.bincount(ratings.movie - 1, minlength=len(movies.genres))
    kept = np.flatnonzero(counts >= min_ratings)
    if not len(kept):
        raise ValueError(f"min_ratings={min_ratings} must leave movies, got at most {counts.max()}")
    raters, user = np.unique(ratings.user, return_inverse=True)
    for unit, count in (("movies", len(kept)), ("raters", len(raters))):
        if count <= num_factors:
            raise ValueError(f"num_factors must be below the {count} {unit}, got {num_factors}")
    number = np.full(len(counts), -1)
    number[kept] = np.arange(len(kept))
    item, is_kept = number[ratings.movie - 1], number[ratings.movie - 1] >= 0
    stars = np.zeros((len(raters), len(kept)))
    is_rated = np.zeros(stars.shape, bool)
    stars[user[is_kept], item[is_kept]] = ratings.rating[is_kept] - ratings.rating[is_kept].mean()
    is_rated[user[is_kept], item[is_kept]] = True
    bias = stars.sum(axis=0) / (is_rated.sum(axis=0) + _NOISE)
    residual = np.where(is_rated, stars - bias, 0.0)
    tastes, factors = _factorise(residual, is_rated, num_factors)
    covariance = np.atleast_2d(np.cov(tastes, rowvar=False))
    if np.linalg.eigvalsh(covariance).min() < _NEGLIGIBLE:
        raise ValueError(f"{paths[0]} must identify num_factors={num_factors} tastes, and does not")
    factors = factors @ np.linalg.cholesky(covariance)
    names, directions = _genres(movies.genres[kept], movies.genre_names, factors, min_movies)
    return MovieCatalogue(
        kept + 1,
        bias.astype(np.float32),
        factors.astype(np.float32),
        names,
        directions[:, np.newaxis].astype(np.float32),
    )


@configurable(module="recsim_tf")
def movielens_items(data_dir: str = "data", num_factors: int = 10, min_ratings: int = 100) -> Items:
    """The movies of `read_movie_catalogue` as items of conversations."""
    catalogue = read_movie_catalogue(data_dir, num_factors, min_ratings)
    return Items(
        num_items=len(catalogue.bias),
        num_factors=num_factors,
        bias=catalogue.bias,
        factors=catalogue.factors,
        directions=catalogue.directions,
    )


@configurable(module="recsim_tf")
def movielens_users(
    data_dir: str = "data", num_factors: int = 10, min_ratings: int = 100
) -> ConversationUsers:
    """Users of conversations whose attributes are the genres of `read_movie_catalogue`."""
    catalogue = read_movie_catalogue(data_dir, num_factors, min_ratings)
    return ConversationUsers(
        num_factors=num_factors,
        num_attributes=len(catalogue.genre_names),
        directions=catalogue.directions,
        attribute_names=catalogue.genre_names,
    )


def _factorise(residual: np.ndarray, is_rated: np.ndarray, num_factors: int):
    """Tastes [U, F] and factors [D, F], by alternating least squares."""
    factors = np.random.default_rng(0).standard_normal((residual.shape[1], num_factors)) * 0.1
    for _ in range(_NUM_ROUNDS):
        tastes = _ridge(residual, is_rated, factors)
        factors = _ridge(residual.T, is_rated.T, tastes)
    return tastes, factors


def _ridge(residual: np.ndarray, is_rated: np.ndarray, features: np.ndarray):
    """The weights of features for each row, with the prior Normal(0, 1), [rows, F]."""
    weights = is_rated.astype(np.float64)
    squares = np.einsum("ri,if,ig->rfg", weights, features, features, optimize=True)
    squares += _NOISE * np.eye(features.shape[1])
    return np.linalg.solve(squares, (residual @ features)[..., np.newaxis])[..., 0]


def _genres(has_genre: np.ndarray, names: Sequence[str], factors: np.ndarray, min_movies: int):
    """Names and unit directions [A, F] of the genres with at least `min_movies` movies."""
    centred = factors - factors.mean(axis=0)
    squares = centred.T @ centred + _RIDGE * np.eye(factors.shape[1])
    directions = np.linalg.solve(squares, centred.T @ has_genre.astype(np.float64)).T
    lengths = np.linalg.norm(directions, axis=1)
    kept = np.flatnonzero((has_genre.sum(axis=0) >= min_movies) & (lengths > _NEGLIGIBLE))
    if not len(kept):
        raise ValueError(f"min_movies={min_movies} must leave a genre, got none of so many movies")
    return tuple(names[genre] for genre in kept), directions[kept] / lengths[kept, np.newaxis]
