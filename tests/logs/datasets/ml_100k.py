# SPDX-License-Identifier: Apache-2.0
"""A small data set in the format of MovieLens-100K, with known factors."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

NUM_USERS, NUM_MOVIES, NUM_FACTORS = 160, 60, 2
# Movies of these ids have few ratings.
RARE = (7, 31)


class Truth(NamedTuple):
    """What the ratings are drawn with."""

    bias: np.ndarray  # [D]
    factors: np.ndarray  # [D, F]


def write(folder: Path) -> Truth:
    """Writes `ml-100k.inter` and `ml-100k.item`: three genres, "Sad" where the first factor is
    positive, "Long" where the second one is, and "Odd", of three movies alone.
    """
    rng = np.random.default_rng(0)
    tastes = rng.standard_normal((NUM_USERS, NUM_FACTORS))
    factors = rng.standard_normal((NUM_MOVIES, NUM_FACTORS)) * (0.7, 0.5)
    bias = rng.normal(0, 0.4, NUM_MOVIES)
    mean = 3.2 + bias + tastes @ factors.T
    stars = np.clip(np.rint(mean + rng.normal(0, 0.5, mean.shape)), 1, 5)
    ratings = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    for user in range(NUM_USERS):
        for movie in range(NUM_MOVIES):
            if rng.random() < (0.2 if movie + 1 in RARE else 0.9):
                ratings.append(f"{user + 1}\t{movie + 1}\t{stars[user, movie]:.0f}\t{movie}")
    movies = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    for movie in range(NUM_MOVIES):
        has = {"Sad": factors[movie, 0] > 0, "Long": factors[movie, 1] > 0, "Odd": movie < 3}
        genres = " ".join(name for name, holds in has.items() if holds)
        movies.append(f"{movie + 1}\tMovie {movie}\t1995\t{genres}")
    (folder / "ml-100k.inter").write_text("\n".join(ratings) + "\n")
    (folder / "ml-100k.item").write_text("\n".join(movies) + "\n")
    return Truth(bias, factors)
