import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core.models import DocumentModel, UserModel, per_user


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
