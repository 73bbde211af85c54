# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.slate_q.losses import SlateValues
from recsim_tf.core.runs.execution import compiled
from recsim_tf.policies.slates import exact_slate, greedy_slate, slate_advantage, top_k_slate
from tests.agents.slate_q import reference

NUM_INSTANCES = 60
OPTIMIZERS = {"top_k": top_k_slate, "greedy": greedy_slate, "exact": exact_slate}


def instances(num_candidates, kind, seed=0):
    """Random values of slates in double precision; `kind` names what is special about them."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.05, 2, [NUM_INSTANCES, num_candidates])
    no_click_weight = rng.uniform(0.1, 3, [NUM_INSTANCES])
    q_items = rng.normal(0, 3, [NUM_INSTANCES, num_candidates])
    q_no_click = rng.normal(0, 3, [NUM_INSTANCES])
    if kind == "all advantages negative":
        q_items = q_no_click[:, np.newaxis] - rng.uniform(0.1, 4, q_items.shape)
    elif kind == "zero weights":
        weights *= rng.uniform(size=weights.shape) < 0.5
    elif kind == "ties":
        weights, q_items = np.round(weights) + 1, np.round(q_items)
        q_no_click = np.round(q_no_click)
    elif kind == "certain click":
        no_click_weight *= 0
    elif kind == "large common value":
        q_items, q_no_click = q_items + 1e4, q_no_click + 1e4
    return SlateValues.of(
        *(
            tf.constant(value, tf.float64)
            for value in (weights, no_click_weight, q_items, q_no_click)
        )
    )


KINDS = [
    "plain",
    "all advantages negative",
    "zero weights",
    "ties",
    "certain click",
    "large common value",
]


def best_pairs(values):
    """The value of the best slate of two for each user, by enumeration, [B]."""
    weights, no_click_weight, q_items, q_no_click = reference.quantities(values)
    gained = weights * q_items
    best = []
    for row in range(len(weights)):
        pairs = gained[row][:, np.newaxis] + gained[row] + no_click_weight[row] * q_no_click[row]
        pairs /= weights[row][:, np.newaxis] + weights[row] + no_click_weight[row]
        best.append(np.max(pairs[~np.eye(len(pairs), dtype=bool)]))
    return np.array(best)


def assert_slates(slate, num_candidates, slate_size):
    assert (slate.dtype, slate.shape) == (tf.int32, [NUM_INSTANCES, slate_size])
    assert (slate.numpy() >= 0).all()
    assert (slate.numpy() < num_candidates).all()
    assert all(len(set(row)) == slate_size for row in slate.numpy())


@pytest.mark.parametrize(
    ("kind", "num_candidates", "slate_size"),
    [*((kind, 7, 3) for kind in KINDS), ("plain", 6, 1), ("ties", 5, 5)],
)
def test_the_exact_slate_is_the_best_of_all_slates(kind, num_candidates, slate_size):
    values = instances(num_candidates, kind)
    slate = values.best_slate(exact_slate, slate_size)
    assert_slates(slate, num_candidates, slate_size)
    best = reference.best_values(*reference.quantities(values), slate_size)
    np.testing.assert_allclose(values.slate_value(slate), best, rtol=1e-12, atol=1e-12)


# The first numbers of candidates that are searched in groups of 16: 16 groups for each position of
# the slate.
GROUPED = {1: 256, 2: 512, 3: 768}


@pytest.mark.parametrize(
    ("kind", "num_candidates"),
    [*((kind, GROUPED[2]) for kind in KINDS), ("plain", GROUPED[2] - 1), ("ties", GROUPED[2] + 1)],
)
def test_the_exact_slate_of_many_candidates_is_the_best_of_all_slates(kind, num_candidates):
    values = instances(num_candidates, kind)
    slate = values.best_slate(exact_slate, 2)
    assert_slates(slate, num_candidates, 2)
    np.testing.assert_allclose(
        values.slate_value(slate), best_pairs(values), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("advantage", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("num_candidates", [GROUPED[3], GROUPED[3] + 1])
def test_of_many_equal_candidates_the_first_are_shown(num_candidates, advantage):
    weights = tf.ones([2, num_candidates])
    assert (
        exact_slate(weights, tf.ones([2]), advantage * weights, 3).numpy().tolist()
        == [[0, 1, 2]] * 2
    )


@pytest.mark.parametrize("shape", [[None, GROUPED[3] + 1], [None, None], [NUM_INSTANCES, None]])
def test_the_exact_slate_takes_batches_and_candidates_of_unknown_number(shape):
    values = instances(GROUPED[3] + 1, "plain")
    inputs = (values.weights, values.no_click_weight, values.advantages)
    signature = [tf.TensorSpec(size, tf.float64) for size in (shape, shape[:1], shape)]
    slate = tf.function(lambda *inputs: exact_slate(*inputs, 3), input_signature=signature)(*inputs)
    np.testing.assert_array_equal(slate, exact_slate(*inputs, 3))


def test_slates_of_the_simple_optimisers_worked_by_hand():
    # v a = (2, 2.5, 0.9, 1): top-k takes 1 then 0. Greedy: alone they are worth 1/2, 2.5/7,
    # 0.9/2.1, 1/3, so 0 is first; with it (2 + 2.5) / 9, (2 + 0.9) / 4.1, (2 + 1) / 5, so 2 is
    # second.
    weights, no_click = tf.constant([[2.0, 5.0, 0.1, 1.0]]), tf.constant([2.0])
    advantages = tf.constant([[1.0, 0.5, 9.0, 1.0]])
    assert top_k_slate(weights, no_click, advantages, 2).numpy().tolist() == [[1, 0]]
    assert greedy_slate(weights, no_click, advantages, 2).numpy().tolist() == [[0, 2]]
    np.testing.assert_allclose(
        slate_advantage(weights, no_click, advantages, tf.constant([[0, 2]])),
        [2.9 / 4.1],
        rtol=1e-6,
    )
    assert set(exact_slate(weights, no_click, advantages, 2).numpy()[0]) == {0, 2}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ties_go_to_the_lower_position(name):
    slate = OPTIMIZERS[name](tf.ones([1, 5]), tf.ones([1]), tf.ones([1, 5]), 3)
    assert slate.numpy().tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("name", "num_candidates", "dtype"),
    [*((name, 7, tf.float32) for name in OPTIMIZERS), ("exact", 769, tf.float64)],
)
def test_optimisers_choose_the_same_slates_under_xla(name, num_candidates, dtype):
    values = [tf.cast(value, dtype) for value in instances(num_candidates, "plain")]

    def slate(*values):
        return SlateValues(*values).best_slate(OPTIMIZERS[name], 3)

    np.testing.assert_array_equal(compiled(slate, jit_compile=True)(*values), slate(*values))


def test_the_value_of_a_slate_counts_its_documents_and_no_click():
    values = instances(5, "plain")
    slate = np.random.default_rng(1).integers(-1, 5, [NUM_INSTANCES, 3]).astype(np.int32)
    expected = reference.slate_values(*reference.quantities(values), slate)
    np.testing.assert_allclose(
        values.slate_value(tf.constant(slate)), expected, rtol=1e-12, atol=1e-12
    )
