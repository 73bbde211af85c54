# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Any

import gin
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf import choice
from recsim_tf.core.base.parameters import parameter, per_user
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.environments.drifting_taste import Catalogue
from tests.core.toy import ToyUsers, toy_simulator
from tests.refusals import assert_refused


@pytest.mark.parametrize(
    "parameter", [2, 2.0, np.float64(2), tf.constant(2.0), tf.Variable(2.0), tf.constant(2)]
)
def test_a_scalar_parameter_stays_a_scalar_of_the_dtype(parameter):
    value = per_user(parameter, 3, tf.float64)
    assert (value.dtype, value.shape) == (tf.float64, [])
    assert float(value) == 2.0


@pytest.mark.parametrize(("rank", "shape"), [(1, [2]), (2, [2, 1]), (3, [2, 1, 1])])
def test_a_parameter_for_each_user_meets_tensors_of_any_rank(rank, shape):
    value = per_user([0.1, 0.2], rank, tf.float64)
    assert (value.dtype, value.shape) == (tf.float64, shape)
    # A Python number keeps its double precision.
    np.testing.assert_array_equal(tf.reshape(value, [-1]), [0.1, 0.2])


def test_a_table_keeps_its_own_axes_last():
    table = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
    np.testing.assert_array_equal(per_user(table, 3, tf.float64, table_rank=2), table)
    swept = per_user(tf.constant([table] * 5, tf.float64), 4, tf.float64, table_rank=2)
    np.testing.assert_array_equal(swept, np.array([[table]] * 5))


def test_a_transformed_variable_stays_learnable():
    variable = tfp.util.TransformedVariable(2.0, tfp.bijectors.Exp())
    with tf.GradientTape() as tape:
        value = per_user(variable, 2)
    np.testing.assert_allclose(
        tape.gradient(value, variable.trainable_variables[0]), 2.0, rtol=1e-6
    )


@pytest.mark.parametrize("base", [UserModel, DocumentModel])
def test_the_bases_are_abstract(base):
    with pytest.raises(TypeError, match="abstract"):
        base()


class Tastes(ToyUsers):
    """Users with a number, a vector and a choice model."""

    genre_probs: Any = parameter((0.25, 0.75), rank=1, are_probabilities=True)
    scale: Any = parameter(None)
    choice_model: choice.ChoiceModel = dataclasses.field(default_factory=choice.MultinomialLogit)


def test_parameters_are_listed_with_those_of_the_choice_model_and_without_those_that_are_none():
    users = Tastes(limit=2.0)
    expected = {"genre_probs": (0.25, 0.75), "choice_model.no_click_mass": -np.inf, "limit": 2.0}
    assert users.parameters() == expected
    assert toy_simulator(limit=2.0).parameters() == {"users.limit": 2.0}


def test_replaced_parameters_leave_the_model_as_it_was():
    users = Tastes()
    other = users.with_parameters({"choice_model.no_click_mass": 1.0, "scale": 3.0})
    assert other.parameters()["choice_model.no_click_mass"] == 1.0
    assert other.parameters()["scale"] == 3.0
    assert users.parameters() == Tastes().parameters()
    assert list(users.differences(other)) == [
        "scale is 3.0 there, not None",
        "choice_model.no_click_mass is 1.0 there, not -inf",
    ]
    assert not list(users.differences(Tastes()))
    assert list(users.differences(ToyUsers())) == ["the model is ToyUsers there, not Tastes"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nothing": 1.0}, "Tastes has no parameter nothing; its parameters are limit, genre_pr"),
        ({"choice_model": 1.0}, "Tastes has no parameter choice_model; its"),
        ({"choice_model.mass": 1.0}, "MultinomialLogit has no parameter mass; its parameters are"),
        ({"genre_probs": (0.5, 0.6)}, r"genre_probs must be non-negative and sum to 1, got \[0.5"),
    ],
)
def test_what_is_no_parameter_or_no_value_is_refused(values, message):
    assert_refused(lambda: Tastes().with_parameters(values), message)


def test_a_drawn_table_is_drawn_anew_for_another_seed_and_a_given_one_is_kept():
    items = Catalogue(num_items=3, num_factors=2, seed=5)
    expected = Catalogue(num_items=3, num_factors=2, seed=7).factors
    assert not np.array_equal(items.factors, expected)
    np.testing.assert_array_equal(items.replaced(seed=7).factors, expected)
    assert items.replaced(dtype=tf.float64).factors.dtype == np.float64
    assert repr(items) == "Catalogue(num_items=3, num_factors=2, seed=5)"
    given = items.with_parameters({"factors": np.ones([3, 2])})
    np.testing.assert_array_equal(given.replaced(seed=7).factors, np.ones([3, 2]))
    np.testing.assert_array_equal(items.parameters()["factors"], items.factors)


@pytest.mark.parametrize(
    ("name", "values", "shape"),
    [
        ("limit", (1.0, 2.0, 3.0), (3,)),
        ("genre_probs", ((0.5, 0.5), (1.0, 0.0)), (2, 2)),
        # A number that holds for all entries.
        ("genre_probs", (0.5, 0.25), (2, 1)),
        ("choice_model.no_click_mass", (0.0, 1.0), (2,)),
    ],
)
def test_values_of_users_are_rows_that_methods_expand(name, values, shape):
    rows = Tastes().for_users(name, values)
    assert rows.shape == shape
    if "." not in name:
        users = Tastes().with_parameters({name: tf.Variable(rows)})
        assert users.per_user(name, 3).shape == (shape[0], *[1] * (3 - len(shape)), *shape[1:])


def test_a_class_in_the_place_of_a_model_is_refused():
    message = r"choice_model must be an object, such as MultinomialLogit\(\), got the class"
    assert_refused(lambda: Tastes(choice_model=choice.MultinomialLogit), message)


def test_a_model_declares_fields_and_no_constructor():
    with pytest.raises(TypeError, match="Odd must declare fields instead of an __init__"):

        class Odd(ToyUsers):
            def __init__(self):
                super().__init__()


def test_variables_of_a_model_and_of_its_choice_model_are_in_its_checkpoint(tmp_path):
    def users(value):
        choice_model = choice.MultinomialLogit(tf.Variable(value))
        return Tastes(limit=tf.Variable(value), choice_model=choice_model)

    path = tf.train.Checkpoint(users=users(2.0)).write(str(tmp_path / "checkpoint"))
    restored = users(0.0)
    tf.train.Checkpoint(users=restored).read(path).assert_consumed()
    assert [float(value) for value in restored.trainable_variables] == [2.0, 2.0]


def test_a_model_that_gin_configures_is_not_built_again_for_other_parameters():
    made = []

    @gin.configurable(module="tests")
    def counted_model():
        made.append(1)
        return choice.MultinomialLogit(0.0)

    configured = gin.configurable(module="tests")(Tastes)
    gin.parse_config("tests.Tastes.choice_model = @tests.counted_model()")
    users = configured()
    other = users.with_parameters({"scale": 3.0}).replaced(dtype=tf.float64)
    assert len(made) == 1
    assert other.choice_model is users.choice_model
    assert other.dtype == tf.float64
    assert other.scale == 3.0
    with pytest.raises(TypeError, match="has no field size"):
        users.replaced(size=1)


def test_a_model_prints_what_is_not_as_by_default_and_long_arrays_by_their_shapes():
    assert repr(Tastes(genre_probs=np.full(10, 0.1), limit=2.0)) == (
        "Tastes(limit=2.0, genre_probs=an array [10], choice_model=MultinomialLogit())"
    )
