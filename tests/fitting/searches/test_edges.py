"""Searches that end at the edge of a parameter's support."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from recsim_tf.fitting import LBFGS, Exact, Parameter, fit
from recsim_tf.fitting.searches.folder import SearchState
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
def test_a_search_that_ends_at_an_edge_begins_again_from_the_start(log):
    search = Misled(progress=False)
    result = fitted(log, search)
    assert len(search.runs) == 2
    np.testing.assert_allclose(*search.runs)
    plain = fitted(log, LBFGS(progress=False))
    np.testing.assert_allclose(
        result.values()["users.no_click_mass"], plain.values()["users.no_click_mass"], rtol=1e-3
    )
    assert result.ending == "converged"
    assert [row["step"] for row in result.history] == list(range(len(plain.history) + 1))


@pytest.mark.slow
def test_a_parameter_that_stays_at_the_edge_is_named(log):
    result = fitted(log, Misled(progress=False, again=False))
    assert result.ending == "converged; at the edge of the support: users.no_click_mass"
    assert list(result.at_edge) == ["users.no_click_mass"]
