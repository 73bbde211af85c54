import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.slate_q import exact_slate, greedy_slate, slate_advantage, slate_optimizer, top_k_slate
from recsim_tf.agents.slate_q.losses import SlateValues
from recsim_tf.core.execution import compiled
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
    return SlateValues(*(tf.constant(value, tf.float64) for value in (weights, no_click_weight, q_items, q_no_click)))


KINDS = ["plain", "all advantages negative", "zero weights", "ties", "certain click", "large common value"]


def assert_slates(slate, num_candidates, slate_size):
    assert (slate.dtype, slate.shape) == (tf.int32, [NUM_INSTANCES, slate_size])
    assert (slate.numpy() >= 0).all()
    assert (slate.numpy() < num_candidates).all()
    assert all(len(set(row)) == slate_size for row in slate.numpy())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("num_candidates", "slate_size"), [(7, 3), (6, 1), (5, 5), (8, 2)])
def test_the_exact_slate_is_the_best_of_all_slates(kind, num_candidates, slate_size):
    values = instances(num_candidates, kind)
    slate = values.best_slate(exact_slate, slate_size)
    assert_slates(slate, num_candidates, slate_size)
    best = reference.best_values(*(value.numpy() for value in values), slate_size)
    np.testing.assert_allclose(values.slate_value(slate), best, rtol=1e-12, atol=1e-12)


def test_the_exact_slate_is_the_best_in_single_precision():
    values = instances(7, "plain")
    slate = SlateValues(*(tf.cast(value, tf.float32) for value in values)).best_slate(exact_slate, 3)
    best = reference.best_values(*(value.numpy() for value in values), 3)
    np.testing.assert_allclose(values.slate_value(slate), best, rtol=1e-5, atol=1e-5)


def test_the_exact_slate_of_one_user_does_not_depend_on_the_others():
    values = instances(7, "plain")
    together = values.best_slate(exact_slate, 3)
    for row in range(10):
        alone = SlateValues(*(value[row : row + 1] for value in values)).best_slate(exact_slate, 3)
        np.testing.assert_array_equal(alone[0], together[row])


def test_the_exact_slate_is_ordered_by_its_gain_over_the_slate_value():
    values = instances(7, "plain")
    slate = values.best_slate(exact_slate, 3)
    gain = values.weights * (values.q_items - values.slate_value(slate)[:, tf.newaxis])
    assert (np.diff(np.take_along_axis(gain.numpy(), slate.numpy(), axis=1)) <= 1e-12).all()


def test_slates_of_the_simple_optimisers_worked_by_hand():
    # v a = (2, 2.5, 0.9, 1): top-k takes 1 then 0. Greedy: alone they are worth 1/2, 2.5/7, 0.9/2.1, 1/3, so 0 is first; with it
    # (2 + 2.5) / 9, (2 + 0.9) / 4.1, (2 + 1) / 5, so 2 is second.
    weights, no_click = tf.constant([[2.0, 5.0, 0.1, 1.0]]), tf.constant([2.0])
    advantages = tf.constant([[1.0, 0.5, 9.0, 1.0]])
    assert top_k_slate(weights, no_click, advantages, 2).numpy().tolist() == [[1, 0]]
    assert greedy_slate(weights, no_click, advantages, 2).numpy().tolist() == [[0, 2]]
    np.testing.assert_allclose(slate_advantage(weights, no_click, advantages, tf.constant([[0, 2]])), [2.9 / 4.1], rtol=1e-6)
    assert set(exact_slate(weights, no_click, advantages, 2).numpy()[0]) == {0, 2}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ties_go_to_the_lower_position(name):
    slate = OPTIMIZERS[name](tf.ones([1, 5]), tf.ones([1]), tf.ones([1, 5]), 3)
    assert slate.numpy().tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("kind", KINDS)
def test_no_optimiser_is_better_than_the_exact_one(kind):
    values = instances(7, kind)
    exact = values.slate_value(values.best_slate(exact_slate, 3)).numpy()
    for optimizer in (top_k_slate, greedy_slate):
        slate = values.best_slate(optimizer, 3)
        assert_slates(slate, 7, 3)
        value = values.slate_value(slate).numpy()
        assert (value[np.isfinite(value)] <= exact[np.isfinite(value)] + 1e-9).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers_choose_the_same_slates_under_xla(name):
    values = [tf.cast(value, tf.float32) for value in instances(7, "plain")]

    def slate(*values):
        return SlateValues(*values).best_slate(OPTIMIZERS[name], 3)

    np.testing.assert_array_equal(compiled(slate, jit_compile=True)(*values), slate(*values))


def test_the_value_of_a_slate_counts_its_documents_and_no_click():
    values = instances(5, "plain")
    slate = np.random.default_rng(1).integers(-1, 5, [NUM_INSTANCES, 3]).astype(np.int32)
    expected = reference.slate_values(*(value.numpy() for value in values), slate)
    np.testing.assert_allclose(values.slate_value(tf.constant(slate)), expected, rtol=1e-12, atol=1e-12)


def test_an_empty_slate_is_worth_no_click():
    values = instances(5, "plain")
    np.testing.assert_allclose(values.slate_value(tf.fill([NUM_INSTANCES, 3], -1)), values.q_no_click)


def test_an_unknown_optimiser_is_refused_with_the_known_ones():
    assert [slate_optimizer(name) for name in OPTIMIZERS] == list(OPTIMIZERS.values())
    with pytest.raises(ValueError, match="slate optimizer must be one of top_k, greedy, exact, got 'best'"):
        slate_optimizer("best")
