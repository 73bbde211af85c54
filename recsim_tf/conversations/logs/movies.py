"""A catalogue of movies with factors fitted to MovieLens ratings, and genres as attributes."""

import functools
import os
from collections.abc import Sequence
from typing import NamedTuple

import gin
import numpy as np

from recsim_tf.conversations import ConversationUsers, Items
from recsim_tf.core.base.validation import check_at_least
from recsim_tf.logs.datasets.movielens import read_movies, read_ratings

# Of alternating least squares: rounds, and the variance of a rating around its expectation, in
# squared stars.
_NUM_ROUNDS = 15
_NOISE = 0.8
# Smaller variances of tastes, and lengths of directions, are rounding.
_NOTHING = 1e-9
# A genre's direction is fitted by ridge regression of "has the genre" on the factors.
_RIDGE = 1.0


class MovieCatalogue(NamedTuple):
    """D movies, A genres."""

    movie_ids: np.ndarray  # int64 [D], of the data set
    bias: np.ndarray  # float32 [D], stars above the average movie
    factors: np.ndarray  # float32 [D, F], stars for each unit of a taste
    genre_names: tuple[str, ...]
    directions: np.ndarray  # float32 [A, 1, F], unit vectors


def read_movie_catalogue(
    data_dir: str | os.PathLike, num_factors: int = 10, min_ratings: int = 100, min_movies: int = 20
) -> MovieCatalogue:
    """Fits a catalogue to MovieLens-100K (Harper & Konstan 2015, ACM TiiS 5(4), 19).

    A rating is the mean + the movie's bias + <taste, factors> + noise. Tastes have the prior
    Normal(0, 1), and factors have it too; their maximum a posteriori is found by alternating least
    squares (Salakhutdinov & Mnih 2008, "Probabilistic matrix factorization"). Then factors are
    turned and scaled so that the fitted tastes have the covariance of that prior. So users of the
    environment, whose tastes are drawn from Normal(0, 1), are users like these.

    Args:
      data_dir: the folder with `ml-100k.inter` and `ml-100k.item`.
      num_factors: F.
      min_ratings: movies with fewer ratings are left out.
      min_movies: genres of fewer movies are left out, and so are genres without a direction, such
        as one of all movies.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: for an argument out of range, if no movie or genre is left, if there are no more
        movies or raters than factors, or if the ratings do not tell so many tastes apart; as
        `read_movielens` and `read_movies`, with row and column.
    """
    check_at_least(1, num_factors=num_factors, min_ratings=min_ratings, min_movies=min_movies)
    paths = tuple(os.path.join(data_dir, f"ml-100k.{kind}") for kind in ("inter", "item"))
    # Files that have changed are read again.
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
    """`read_movie_catalogue` of files that were changed at these times."""
    ratings, movies = read_ratings(paths[0]), read_movies(paths[1])
    counts = np.bincount(ratings.movie - 1, minlength=len(movies.genres))
    kept = np.flatnonzero(counts >= min_ratings)
    if not len(kept):
        raise ValueError(f"min_ratings={min_ratings} must leave movies, got at most {counts.max()}")
    raters, user = np.unique(ratings.user, return_inverse=True)
    for what, most in (("movies", len(kept)), ("raters", len(raters))):
        if most <= num_factors:
            raise ValueError(f"num_factors must be below the {most} {what}, got {num_factors}")
    number = np.full(len(counts), -1)
    number[kept] = np.arange(len(kept))
    item, known = number[ratings.movie - 1], number[ratings.movie - 1] >= 0
    stars = np.zeros((len(raters), len(kept)))
    is_rated = np.zeros(stars.shape, bool)
    stars[user[known], item[known]] = ratings.rating[known] - ratings.rating[known].mean()
    is_rated[user[known], item[known]] = True
    bias = stars.sum(axis=0) / (is_rated.sum(axis=0) + _NOISE)
    residual = np.where(is_rated, stars - bias, 0.0)
    tastes, factors = _factorise(residual, is_rated, num_factors)
    covariance = np.atleast_2d(np.cov(tastes, rowvar=False))
    if np.linalg.eigvalsh(covariance).min() < _NOTHING:
        raise ValueError(
            f"{paths[0]} must tell num_factors={num_factors} tastes apart, and does not"
        )
    factors = factors @ np.linalg.cholesky(covariance)
    names, directions = _genres(movies.genres[kept], movies.genre_names, factors, min_movies)
    return MovieCatalogue(
        kept + 1,
        bias.astype(np.float32),
        factors.astype(np.float32),
        names,
        directions[:, np.newaxis].astype(np.float32),
    )


@gin.configurable(module="recsim_tf")
def movielens_items(data_dir: str = "data", num_factors: int = 10, min_ratings: int = 100) -> Items:
    """The movies of `read_movie_catalogue`, for conversations."""
    found = read_movie_catalogue(data_dir, num_factors, min_ratings)
    return Items(
        num_items=len(found.bias),
        num_factors=num_factors,
        bias=found.bias,
        factors=found.factors,
        directions=found.directions,
    )


@gin.configurable(module="recsim_tf")
def movielens_users(
    data_dir: str = "data", num_factors: int = 10, min_ratings: int = 100
) -> ConversationUsers:
    """Users who talk of the genres of `read_movie_catalogue`."""
    found = read_movie_catalogue(data_dir, num_factors, min_ratings)
    return ConversationUsers(
        num_factors=num_factors,
        num_attributes=len(found.genre_names),
        directions=found.directions,
        attribute_names=found.genre_names,
    )


def _factorise(residual: np.ndarray, is_rated: np.ndarray, num_factors: int):
    """Tastes [U, F] and factors [D, F], by alternating least squares."""
    factors = np.random.default_rng(0).standard_normal((residual.shape[1], num_factors)) * 0.1
    for _ in range(_NUM_ROUNDS):
        tastes = _ridge(residual, is_rated, factors)
        factors = _ridge(residual.T, is_rated.T, tastes)
    return tastes, factors


def _ridge(residual: np.ndarray, is_rated: np.ndarray, features: np.ndarray):
    """For each row, the weights of features with the prior Normal(0, 1): [rows, F]."""
    weights = is_rated.astype(np.float64)
    squares = np.einsum("ri,if,ig->rfg", weights, features, features, optimize=True)
    squares += _NOISE * np.eye(features.shape[1])
    return np.linalg.solve(squares, (residual @ features)[..., np.newaxis])[..., 0]


def _genres(has_genre: np.ndarray, names: Sequence[str], factors: np.ndarray, min_movies: int):
    """Names and unit directions [A, F] of the genres of many movies."""
    centred = factors - factors.mean(axis=0)
    squares = centred.T @ centred + _RIDGE * np.eye(factors.shape[1])
    directions = np.linalg.solve(squares, centred.T @ has_genre.astype(np.float64)).T
    lengths = np.linalg.norm(directions, axis=1)
    kept = np.flatnonzero((has_genre.sum(axis=0) >= min_movies) & (lengths > _NOTHING))
    if not len(kept):
        raise ValueError(f"min_movies={min_movies} must leave a genre, got none of so many movies")
    return tuple(names[genre] for genre in kept), directions[kept] / lengths[kept, np.newaxis]
