"""Estimates of small logs against obp 0.5.7, scope-rl 0.2.1 and calculations by hand."""

import numpy as np
import pytest

from recsim_tf import ope
from tests.ope import known_cases


@pytest.mark.parametrize("name", known_cases.CASES)
def test_an_estimate_is_that_of_the_other_libraries(name):
    assert known_cases.difference(name) <= 1e-6


def test_the_weights_of_slates_are_those_worked_by_hand():
    target, logging = known_cases.SLATES.target, known_cases.SLATES.propensity
    expected = {
        "prefix": [[0.4, 0.25], [2.5, 1.6], [1, 2.5]],
        "position": [[0.4, 1], [2.5, 0.842105263], [1, 1.1875]],
        "set": [0.3125, 1, 3.2],
    }
    for name, weights in expected.items():
        found = np.exp(getattr(target, name) - getattr(logging, name))
        np.testing.assert_allclose(np.squeeze(found), weights, atol=1e-8)
    found = known_cases.sample(known_cases.SLATES, ope.PRESETS["pi"]).read["linear"]
    np.testing.assert_allclose(found[:, 0], [0.298913, 1.717391, 2.671196], atol=1e-6)
