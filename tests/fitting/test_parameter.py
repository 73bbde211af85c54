# SPDX-License-Identifier: Apache-2.0
"""What a parameter to fit refuses when it is made, and what its bijector keeps."""

import gc
import weakref

import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.fitting import Parameter
from tests.refusals import assert_refused

SUPPORT = "support must be one of real, positive, unit or a bijector, got"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"support": "integer"}, f"{SUPPORT} 'integer'"),
        ({"support": None}, f"{SUPPORT} NoneType"),
        ({"support": tfb.Exp}, rf"{SUPPORT} .*Exp: write Exp\(\)"),
        ({"support": ["positive"]}, f"{SUPPORT} list"),
    ],
)
def test_a_support_or_prior_of_another_type_is_refused(arguments, message):
    assert_refused(lambda: Parameter(**arguments), message)


def test_bijectors_and_distributions_are_taken():
    parameter = Parameter(support=tfb.Exp(), prior=tfd.Normal(0.0, 1.0))
    assert parameter.bijector.name == "exp"
    assert isinstance(parameter.prior, tfd.Normal)


@pytest.mark.slow
@pytest.mark.parametrize("support", ["positive", "unit", tfb.Exp()])
def test_a_graph_that_calls_the_bijector_ends_with_its_function(support):
    bijector = Parameter(1.0, support).bijector
    function = tf.function(lambda point: bijector.inverse(bijector.forward(point)), autograph=False)
    graph = weakref.ref(function.get_concrete_function(tf.TensorSpec([2])).graph)
    tf.debugging.assert_near(function(tf.constant([0.5, -0.5])), [0.5, -0.5])
    del function
    gc.collect()
    assert graph() is None
