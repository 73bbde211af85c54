# SPDX-License-Identifier: Apache-2.0
"""Searches that end at the edge of a parameter's support."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from tensorflow_probability import bijectors as tfb

from recsim_tf.fitting import LBFGS, Exact, Parameter, fit
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.searches.folder import SearchState
from recsim_tf.fitting.searches.slopes import room
from recsim_tf.logs import simulated_log
from tests.worlds.clicks import clicks


@dataclasses.dataclass(frozen=True)
class Misled(LBFGS):
    """Ends at zero, as a spread whose gradient vanishes there; all searches but the first end
    where `again` says, or else at zero too.
    """

    again: bool = True
    runs: list[Any] = dataclasses.field(default_factory=list)

    def run(self, problem):
        self.runs.append(problem.objective.fitted.flat())
        if len(self.runs) > 1 and self.again:
            return super().run(problem)
        problem.objective.fitted.assign_flat(np.array([-15.0]))
        state = SearchState(problem.checkpoints, problem.objective.variables)
        value, _ = problem.objective.total()
        state.add({"step": 0, "log_likelihood": value / problem.objective.num_steps})
        state.keep(value, 0)
        state.progress.finish(converged=True)
        return state


@pytest.fixture(scope="module")
def log():
    return simulated_log(world(2.0), 200, 4, seed=1)


def world(no_click_mass):
    return clicks().with_parameters({"users.no_click_mass": no_click_mass})


def fitted(log, search):
    parameters = {"users.no_click_mass": Parameter(1.0, "positive")}
    return fit(world(1.0), parameters, log, method=Exact(search=search, uncertainty=None))


@pytest.mark.slow
def test_a_search_that_ends_at_an_edge_begins_again_from_elsewhere(log):
    search = Misled(progress=False)
    result = fitted(log, search)
    first, second = (float(run[0]) for run in search.runs)
    # Not at the edge, and not where the first search began.
    assert second != first
    assert abs(second) < 10
    plain = fitted(log, LBFGS(progress=False))
    np.testing.assert_allclose(
        result.values()["users.no_click_mass"], plain.values()["users.no_click_mass"], rtol=1e-3
    )
    assert result.ending == "converged"
    assert [row["step"] for row in result.history] == list(range(len(result.history)))


def test_a_parameter_that_stays_at_the_edge_is_named_and_no_search_converges_there(log):
    result = fitted(log, Misled(progress=False, again=False))
    assert not result.converged
    assert result.ending == "did not converge; at the edge of the support: users.no_click_mass"
    assert list(result.at_edge) == ["users.no_click_mass"]


@pytest.mark.slow
@pytest.mark.parametrize("start", [1e-4, 20.0, 500.0])
def test_starts_far_away_lead_to_the_same_maximum(log, start):
    usual, far = (
        fit(
            world(1.0),
            {"users.no_click_mass": Parameter(value, "positive")},
            log,
            method=Exact(search=LBFGS(progress=False), uncertainty=None),
        )
        for value in (1.0, start)
    )
    assert usual.converged
    assert far.ending == "converged"
    np.testing.assert_allclose(
        far.values()["users.no_click_mass"], usual.values()["users.no_click_mass"], rtol=1e-2
    )


def simulator_of(**parameters):
    """The parameters on their own."""
    return FittedSimulator(clicks(), {"users.no_click_mass": Parameter(**parameters)})


@pytest.mark.parametrize(
    ("support", "position", "low", "high"),
    [
        # A slope of 1 falls to a tenth, and to one of 1 - e^-x it may rise for ever.
        ("positive", 20.0, np.log(1 / 9), np.inf),
        ("real", 20.0, -np.inf, np.inf),
        (tfb.Exp(), 0.0, -np.log(10), np.log(10)),
    ],
)
def test_a_step_changes_the_slope_of_a_support_by_a_factor_of_ten_at_the_most(
    support, position, low, high
):
    ends = room(simulator_of(start=1.0, support=support), np.array([position]))
    # The distances stand 19 % apart.
    for end, expected in zip(ends, (low, high), strict=True):
        if np.isinf(expected):
            assert end == expected
        else:
            assert 0.8 < (end - position) / (expected - position) <= 1
