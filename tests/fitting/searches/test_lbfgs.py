"""L-BFGS in units of standard errors."""

import numpy as np
import pytest

from recsim_tf.fitting import LBFGS, Exact, Parameter
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.searches.lbfgs import Evaluations, maximise, standard_errors
from recsim_tf.logs import simulated_log
from tests.fitting.sessions import HAZARD, evolution

# Curvatures of a quadratic function whose maximum is far away in these units.
CURVATURES = np.logspace(-6, 6, 7)
MAXIMUM = 50 / np.sqrt(CURVATURES)


class Quadratic:
    """A function that counts its evaluations."""

    def __init__(self):
        self.count = 0

    def __call__(self, position):
        self.count += 1
        gap = position - MAXIMUM
        return -0.5 * np.sum(CURVATURES * gap**2), -CURVATURES * gap


def search(function, units, **options):
    return maximise(function, np.zeros(7), lambda: units, 100, 1e-3, "the value", **options)


def test_other_scales_do_not_slow_the_search_down_in_units_of_standard_errors():
    function = Quadratic()
    found = search(function, 1 / np.sqrt(CURVATURES))
    assert found.converged
    np.testing.assert_allclose(found.position, MAXIMUM, rtol=1e-4)
    assert function.count < 10


def test_a_search_goes_on_from_its_evaluations_as_if_it_had_not_stopped():
    # Of other units, so that it takes many steps.
    units = np.ones(7)
    whole = Quadratic()
    expected = search(whole, units)
    evaluations, stopped = Evaluations(), iter(range(5))

    def stop():
        if next(stopped, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(Quadratic(), units, evaluations=evaluations, after_iteration=stop)
    rest = Quadratic()
    resumed = search(rest, np.full(7, np.nan), evaluations=evaluations)
    np.testing.assert_array_equal(resumed.position, expected.position)
    assert 0 < rest.count < whole.count


@pytest.mark.slow
def test_units_are_about_the_standard_errors_of_each_parameter_alone():
    simulator = evolution(**HAZARD)
    log = simulated_log(simulator, 200, 6)
    names = ("users.choice_model.no_click_mass", "users.user_update_alpha")
    fitted = FittedSimulator(simulator, {name: Parameter() for name in names})
    objective = Exact(search=LBFGS(batch_size=50)).objective(fitted, log)
    expected = 1 / np.sqrt(np.sum(objective.session_scores() ** 2, axis=0))
    ratio = standard_errors(objective) / expected
    assert ((ratio > 0.4) & (ratio < 2.5)).all()
