"""Stored sessions keep their probability, whatever generator drew them.

`write_again` writes the files in `tests/data/episodes` and prints the scores below. It is needed
where constants of these environments, or the format of the files, change.
"""

import pathlib

import numpy as np
import pytest

import recsim_tf
from recsim_tf.adapters import episodes
from recsim_tf.core.execution import compiled
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers
from recsim_tf.policies import random_policy

FOLDER = pathlib.Path(__file__).parent.parent / "data" / "episodes"
NUM_USERS, NUM_STEPS = 3, 4


def interest_evolution():
    """Leaving is drawn, so that every stage of a session is scored."""
    users = InterestEvolutionUsers(time_budget=10.0, departure_temperature=3.0)
    return recsim_tf.interest_evolution(slate_size=2, num_candidates=4, users=users)


def ecosystem():
    means = np.float32([[1, 0], [0, 1], [1, 1], [0, 0]])
    return recsim_tf.ecosystem(means=means, users_per_world=None, num_candidates=4)


# By environment: the parts of `LogProb` that are not zero, of each user.
STORED = {
    interest_evolution: {
        "initial": [-13.862944, -13.862944, -13.862944],
        "response": [-0.719962, -2.875829, -5.068582],
        "innovation": [0.0, -1.185005, -0.811514],
        "departure": [-3.207947, -1.752325, -0.663432],
        "documents": [-22.167793, -43.251350, -50.749260],
    },
    ecosystem: {
        "initial": [-11.928228, -10.343324, -8.614824],
        "response": [-8.405355, -5.691752, -10.368957],
        # Of the one world, at its first user.
        "documents": [-73.085266, 0.0, 0.0],
    },
}


def read(environment):
    simulator = environment()
    path = FOLDER / f"{environment.__name__}.tfrecord"
    return simulator, episodes.read(path, simulator).trajectory()


def scores(simulator, trajectory):
    found = simulator.log_prob(trajectory)._asdict().items()
    return {part: score.numpy() for part, score in found if np.any(score)}


@pytest.mark.parametrize("environment", STORED)
def test_the_probability_of_stored_sessions_stays_eagerly_and_in_a_graph(environment):
    simulator, trajectory = read(environment)
    found = scores(simulator, trajectory)
    assert found.keys() == STORED[environment].keys()
    graph = compiled(lambda: simulator.log_prob(trajectory))()
    for part, expected in STORED[environment].items():
        np.testing.assert_allclose(found[part], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(getattr(graph, part), expected, rtol=1e-5, atol=1e-6)


def write_again() -> None:
    for environment in STORED:
        simulator, path = environment(), FOLDER / f"{environment.__name__}.tfrecord"
        path.unlink(missing_ok=True)
        trajectory = simulator.rollout(random_policy(simulator), NUM_USERS, NUM_STEPS, seed=3)
        episodes.write(path, simulator, trajectory)
        for part, score in scores(*read(environment)).items():
            print(environment.__name__, part, score.tolist())
