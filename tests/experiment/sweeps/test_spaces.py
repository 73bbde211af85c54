# SPDX-License-Identifier: Apache-2.0
import gin
import numpy as np
import pytest
from tensorflow_probability import distributions as tfd

from recsim_tf.experiment.sweeps.spaces import grid, listed, log_uniform, random_search
from tests.refusals import assert_refused


def test_a_grid_is_the_product():
    variants = grid({"A.x": (1, 2), "B.y": ("u", "v")})
    assert variants == [
        {"A.x": 1, "B.y": "u"},
        {"A.x": 1, "B.y": "v"},
        {"A.x": 2, "B.y": "u"},
        {"A.x": 2, "B.y": "v"},
    ]


def test_random_values_are_in_range_rounded_and_stay_when_there_are_more():
    choices = {"A.x": log_uniform(1e-4, 1e-2), "A.y": tfd.Uniform(0.0, 1.0), "B.z": (1, 2)}
    variants = random_search(choices, 20, seed=3)
    assert random_search(choices, 5, seed=3) == variants[:5]
    assert random_search(choices, 5, seed=4) != variants[:5]
    rates = [variant["A.x"] for variant in variants]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert all(rate == float(f"{rate:.4g}") for rate in rates)
    # Half of the draws below the geometric mean, with four standard errors.
    assert abs(np.mean(np.array(rates) < 1e-3) - 0.5) < 4 * 0.5 / np.sqrt(20)
    assert {variant["B.z"] for variant in variants} == {1, 2}


def test_random_variants_are_distinct():
    assert sorted(variant["A.x"] for variant in random_search({"A.x": (1, 2, 3)}, 3)) == [1, 2, 3]


def test_spaces_are_configured_by_gin():
    bindings = ["rate/log_uniform.low = 0.1", "rate/log_uniform.high = 0.2"]
    bindings += ["random_search.num_trials = 1"]
    gin.parse_config([*bindings, 'random_search.choices = {"A.x": @rate/log_uniform()}'])
    assert 0.1 <= random_search()[0]["A.x"] <= 0.2


REFUSED = {
    "grid.choices must be a dictionary of at least one binding": lambda: grid({}),
    r"grid.choices\['A.x'\] must be a non-empty tuple of values, got \(\)": lambda: grid(
        {"A.x": ()}
    ),
    r"grid.choices\['A.x'\] must be a non-empty tuple of values, got 'a'": lambda: grid(
        {"A.x": "a"}
    ),
    "grid.choices.* must be a non-empty tuple of values, got .*Uniform": (
        lambda: grid({"A.x": tfd.Uniform()})
    ),
    "num_trials must be at most the number of distinct variants, 3, got 4": (
        lambda: random_search({"A.x": (1, 2, 3)}, 4)
    ),
    "listed.trials must be a non-empty tuple of dictionaries": lambda: listed(()),
    "log_uniform.low and high must be positive and increasing, got 0.0 and 1.0": (
        lambda: log_uniform(0.0, 1.0)
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_bad_spaces_are_named(message):
    assert_refused(REFUSED[message], message)
