import numpy as np
import tree

import recsim_tf
from recsim_tf.adapters import episodes
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers
from recsim_tf.fitting.logs import from_episodes
from recsim_tf.fitting.logs.trajectories import from_trajectory
from tests.rollout_policies import uniform_random


def test_log_of_an_episode_file_is_that_of_its_rollout(tmp_path):
    users = InterestEvolutionUsers(time_budget=12.0, step_penalty=1.0)
    simulator = recsim_tf.interest_evolution(
        slate_size=2, num_candidates=4, users=users, max_steps=5
    )
    trajectory = simulator.rollout(uniform_random(2), 8, 5, 0)
    path = tmp_path / "episodes.tfrecord"
    episodes.write(path, simulator, trajectory)
    expected = from_trajectory(trajectory)
    log = from_episodes(episodes.read(path, simulator))
    assert len(set(expected.length)) > 1
    longest = expected.length.max()
    assert log.max_length == longest
    cut = expected.take(np.arange(expected.num_sessions))
    tree.assert_same_structure(log, cut)
    tree.map_structure(np.testing.assert_array_equal, log, cut)
