import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.slate_q.losses import SlateValues
from recsim_tf.core.execution import compiled
from recsim_tf.policies import (
    exact_slate,
    greedy_slate,
    slate_advantage,
    top_k_slate,
)
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
    return SlateValues(
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
    weights, no_click_weight, q_items, q_no_click = (value.numpy() for value in values)
    gained = weights * q_items
    best = []
    for row in range(len(weights)):
        pairs = gained[row][:, np.newaxis] + gained[row] + no_click_weight[row] * q_no_click[row]
        pairs /= weights[row][:, np.newaxis] + weights[row] + no_click_weight[row]
        best.append(np.max(pairs[~np.eye(len(pairs), dtype=bool)]))
    return np.array(best)


def plain_exact_slate(values, slate_size):
    """Dinkelbach's iteration with a full sort in each round, one user at a time: int [B, K]."""
    slates = []
    rows = zip(
        values.weights.numpy(),
        values.no_click_weight.numpy(),
        values.advantages.numpy(),
        strict=True,
    )
    for weights, no_click_weight, advantages in rows:
        guess = 0.0
        for turn in itertools.count():
            slate = np.argsort(-weights * (advantages - guess), kind="stable")[:slate_size]
            value = np.sum(weights[slate] * advantages[slate]) / (
                np.sum(weights[slate]) + no_click_weight
            )
            if turn and value <= guess:
                break
            guess = value
        slates.append(slate)
    return np.array(slates)


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
    best = reference.best_values(*(value.numpy() for value in values), slate_size)
    np.testing.assert_allclose(values.slate_value(slate), best, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("num_candidates", [7, 768])
def test_the_exact_slate_of_one_user_does_not_depend_on_the_others(num_candidates):
    values = instances(num_candidates, "plain")
    together = values.best_slate(exact_slate, 3)
    for row in range(10):
        alone = SlateValues(*(value[row : row + 1] for value in values)).best_slate(exact_slate, 3)
        np.testing.assert_array_equal(alone[0], together[row])


@pytest.mark.parametrize("num_candidates", [7, 768])
def test_the_exact_slate_is_ordered_by_its_gain_over_the_slate_value(num_candidates):
    values = instances(num_candidates, "plain")
    slate = values.best_slate(exact_slate, 3)
    gain = values.weights * (values.q_items - values.slate_value(slate)[:, tf.newaxis])
    assert (np.diff(np.take_along_axis(gain.numpy(), slate.numpy(), axis=1)) <= 1e-12).all()


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


@pytest.mark.parametrize(
    ("kind", "num_candidates"),
    [("plain", GROUPED[3]), ("all advantages negative", GROUPED[3] + 15), ("certain click", 3001)],
)
def test_the_search_in_groups_gives_the_slate_of_the_plain_iteration(kind, num_candidates):
    values = instances(num_candidates, kind)
    np.testing.assert_array_equal(values.best_slate(exact_slate, 3), plain_exact_slate(values, 3))


@pytest.mark.parametrize("decreasing", [False, True])
def test_sorted_candidates_whose_best_share_a_group_are_found(decreasing):
    values = instances(GROUPED[3] + 5, "plain")
    order = tf.argsort(
        values.weights * values.advantages, direction="DESCENDING" if decreasing else "ASCENDING"
    )
    values = values._replace(
        **{
            name: tf.gather(getattr(values, name), order, batch_dims=1)
            for name in ("weights", "q_items")
        }
    )
    np.testing.assert_array_equal(values.best_slate(exact_slate, 3), plain_exact_slate(values, 3))


def test_weights_of_very_different_sizes_do_not_mislead_the_search_in_groups():
    values = instances(GROUPED[2], "plain")
    values = values._replace(weights=tf.exp(10 * (values.weights - 1)))
    np.testing.assert_allclose(
        values.slate_value(values.best_slate(exact_slate, 2)),
        best_pairs(values),
        rtol=1e-12,
        atol=1e-12,
    )


def test_the_best_of_many_candidates_worked_by_hand():
    # Alone, 100 is worth 4 / 5 and 255 is worth 2.6 / 3, though v a is 4 and 2.6; the others are
    # worth 0.5 / 2.
    weights, advantages = np.ones([1, 256], np.float32), np.full([1, 256], 0.5, np.float32)
    weights[0, [100, 255]], advantages[0, [100, 255]] = [4, 2], [1, 1.3]
    inputs = (weights, np.ones([1], np.float32), advantages)
    assert top_k_slate(*map(tf.constant, inputs), 1).numpy().tolist() == [[100]]
    assert exact_slate(*map(tf.constant, inputs), 1).numpy().tolist() == [[255]]


@pytest.mark.parametrize("advantage", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("num_candidates", [GROUPED[3], GROUPED[3] + 1])
def test_of_many_equal_candidates_the_first_are_shown(num_candidates, advantage):
    weights = tf.ones([2, num_candidates])
    assert (
        exact_slate(weights, tf.ones([2]), advantage * weights, 3).numpy().tolist()
        == [[0, 1, 2]] * 2
    )


def test_of_many_candidates_tied_for_the_last_position_the_first_is_shown():
    # 300 and 767 are the best, 0 to 4 the worst, and the others equal.
    advantages = np.ones([1, 768])
    advantages[0, :5], advantages[0, [300, 767]] = -1, 2
    inputs = (tf.ones([1, 768], tf.float64), tf.ones([1], tf.float64), tf.constant(advantages))
    assert exact_slate(*inputs, 3).numpy().tolist() == [[300, 767, 5]]


def test_all_candidates_are_shown_if_the_slate_is_as_large():
    values = instances(GROUPED[1] + 1, "plain")
    slate = values.best_slate(exact_slate, GROUPED[1] + 1)
    np.testing.assert_array_equal(
        np.sort(slate, axis=-1), np.tile(np.arange(GROUPED[1] + 1), [NUM_INSTANCES, 1])
    )


@pytest.mark.parametrize("shape", [[None, GROUPED[3] + 1], [None, None], [NUM_INSTANCES, None]])
def test_the_exact_slate_takes_batches_and_candidates_of_unknown_number(shape):
    values = instances(GROUPED[3] + 1, "plain")
    inputs = (values.weights, values.no_click_weight, values.advantages)
    signature = [tf.TensorSpec(size, tf.float64) for size in (shape, shape[:1], shape)]
    slate = tf.function(lambda *inputs: exact_slate(*inputs, 3), input_signature=signature)(*inputs)
    np.testing.assert_array_equal(slate, exact_slate(*inputs, 3))


def test_undefined_values_still_give_different_candidates():
    values = instances(GROUPED[3] + 1, "plain")
    undefined = tf.fill(values.q_items.shape, tf.constant(float("nan"), tf.float64))
    solve = compiled(lambda *inputs: exact_slate(*inputs, 3), jit_compile=True)
    assert_slates(solve(values.weights, values.no_click_weight, undefined), GROUPED[3] + 1, 3)


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
    expected = reference.slate_values(*(value.numpy() for value in values), slate)
    np.testing.assert_allclose(
        values.slate_value(tf.constant(slate)), expected, rtol=1e-12, atol=1e-12
    )


def test_an_empty_slate_is_worth_no_click():
    values = instances(5, "plain")
    np.testing.assert_allclose(
        values.slate_value(tf.fill([NUM_INSTANCES, 3], -1)), values.q_no_click
    )
