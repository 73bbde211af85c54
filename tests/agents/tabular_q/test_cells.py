import itertools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.agents.tabular_q import SlateCells
from recsim_tf.core.execution import compiled
from recsim_tf.core.types import Clicks, Observation
from tests.agents.tabular_q.experience import OBSERVATION_SPEC

# Of one observation; another value makes the tables of old checkpoints void.
GOLDEN_CELL = 3_326_657

SPEC = OBSERVATION_SPEC._replace(
    response=Clicks(tensor_spec.BoundedTensorSpec([2], tf.int32, 0, 1))
)


def all_combinations():
    """Each user, response, and pair of documents once."""
    users, *clicks_and_documents = zip(*itertools.product(range(3), *[range(2)] * 4), strict=True)
    parts = np.array(clicks_and_documents, np.int32).T
    return Observation(
        tf.constant(users), tf.constant(parts[:, 2:]), Clicks(tf.constant(parts[:, :2]))
    )


def first_pair(observation):
    return tf.tile(tf.constant([[0, 1]]), [len(observation.user), 1])


def test_distinct_combinations_have_distinct_cells_and_fill_the_table():
    observation = all_combinations()
    cells = SlateCells(SPEC, 2, ignore_response=False)
    assert cells.num_cells == 48
    found = cells.of_slate(observation, first_pair(observation))
    assert sorted(found.numpy()) == list(range(48))


def test_an_ignored_response_is_no_part_of_the_cell():
    observation = all_combinations()
    cells = SlateCells(SPEC, 2)
    assert cells.num_cells == 12
    found = cells.of_slate(observation, first_pair(observation)).numpy().reshape(3, 4, 4)
    assert (found == found[:, :1]).all()
    assert sorted(found[:, 0].ravel()) == list(range(12))


def test_more_cells_than_allowed_are_refused_with_their_number():
    assert SlateCells(SPEC, 2, max_cells=12).num_cells == 12
    with pytest.raises(
        ValueError,
        match=r"make 12 cells, more than max_cells=11: lower number_bins=100, or set hashed=True",
    ):
        SlateCells(SPEC, 2, max_cells=11)


def test_hashing_is_exact_where_the_cells_suffice():
    observation = all_combinations()
    found = SlateCells(SPEC, 2, ignore_response=False, max_cells=48, hashed=True).of_slate(
        observation, first_pair(observation)
    )
    assert len(set(found.numpy())) == 48


@pytest.mark.parametrize(
    ("name", "ignore_response"),
    [("InterestEvolution-v1", False), ("LongTermSatisfaction-v1", True)],
)
def test_the_cells_of_all_slates_are_those_of_each_slate(name, ignore_response):
    environment = SlateEnvironment(recsim_tf.make(name, slate_size=3, num_candidates=5), 7, seed=1)
    environment.step(
        environment.step(tf.tile([[0, 1, 2]], [7, 1])) and tf.tile([[2, 1, 4]], [7, 1])
    )
    observation = environment.current_time_step().observation
    cells = SlateCells(
        environment.observation_spec(),
        3,
        ignore_response,
        number_bins=20,
        max_cells=1000,
        hashed=True,
    )
    assert cells.is_hashed
    slates = all_slates(5, 3)
    expected = [cells.of_slate(observation, tf.tile([slate], [7, 1])) for slate in slates]
    for jit_compile in (False, True):
        found = compiled(lambda: cells.of_slates(observation, slates), jit_compile=jit_compile)()
        np.testing.assert_array_equal(found, expected)


def float_observations(num_users, num_candidates=2):
    rng = np.random.default_rng(0)
    spec = Observation(
        user=tensor_spec.BoundedTensorSpec([5], tf.float32, 0.0, 1.0),
        documents=tensor_spec.BoundedTensorSpec([num_candidates, 5], tf.float32, 0.0, 1.0),
        response=(),
    )
    user, documents = (
        rng.uniform(size=[num_users, 5]),
        rng.uniform(size=[num_users, num_candidates, 5]),
    )
    return spec, Observation(tf.constant(user, tf.float32), tf.constant(documents, tf.float32), ())


def test_hashed_cells_are_spread_as_by_chance():
    spec, observation = float_observations(20_000)
    cells = SlateCells(spec, 2, discretization_bounds=None, max_cells=30_000, hashed=True)
    found = cells.of_slate(observation, tf.tile([[0, 1]], [20_000, 1])).numpy()
    assert found.min() >= 0
    assert found.max() < 30_000
    # Balls in bins: the mean and the variance of the number of empty bins.
    m, n = 30_000, 20_000
    share_empty = (1 - 1 / m) ** n
    variance = m * share_empty + m * (m - 1) * (1 - 2 / m) ** n - (m * share_empty) ** 2
    assert abs((m - len(set(found))) - m * share_empty) < 4 * np.sqrt(variance)


def test_the_hash_tells_the_user_the_documents_and_their_order_apart():
    spec, observation = float_observations(1000)
    cells = SlateCells(spec, 2, discretization_bounds=None, hashed=True)
    slate = tf.tile([[0, 1]], [1000, 1])
    found = cells.of_slate(observation, slate)
    others = (
        cells.of_slate(observation, slate[:, ::-1]),
        cells.of_slate(observation._replace(user=observation.user[::-1]), slate),
        cells.of_slate(observation._replace(documents=observation.documents[::-1]), slate),
    )
    for other in others:
        # By chance a pair shares a cell once in 4 million.
        assert tf.reduce_sum(tf.cast(found == other, tf.int32)) <= 1


def test_the_hash_is_the_same_in_every_process():
    spec, _ = float_observations(1)
    cells = SlateCells(spec, 2, discretization_bounds=None, hashed=True)
    observation = Observation(
        tf.constant([[0.1, 0.3, 0.5, 0.7, 0.9]]), tf.constant([[[0.2] * 5, [0.8] * 5]]), ()
    )
    assert cells.of_slate(observation, tf.constant([[0, 1]])).numpy() == GOLDEN_CELL
