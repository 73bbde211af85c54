# SPDX-License-Identifier: Apache-2.0
"""L-BFGS in units of standard errors."""

import numpy as np
import pytest

from recsim_tf.fitting import LBFGS, Exact, Parameter
from recsim_tf.fitting.methods.session_gradients import session_scores
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
    return maximise(
        function, np.zeros(7), lambda position: units, 100, 1e-3, "the value", **options
    )


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
    assert np.frombuffer(evaluations.units(0, np.zeros(7), None)).tolist() == units.tolist()
    rest = Quadratic()
    resumed = search(rest, units, evaluations=evaluations)
    np.testing.assert_array_equal(resumed.position, expected.position)
    assert 0 < rest.count < whole.count


def test_a_search_that_went_far_takes_its_units_anew():
    positions = []

    def units(position):
        positions.append(position)
        return np.full(1, 1e-2)

    def function(position):
        return -0.5 * float(np.sum((position - 5) ** 2)), 5 - position

    maximum = maximise(function, np.zeros(1), units, 100, 1e-3, "the value")
    assert maximum.converged
    np.testing.assert_allclose(positions, [[0.0], [5.0]], atol=1e-3)


def test_no_step_leaves_the_room_around_the_last_position():
    positions = []

    def function(position):
        positions.append(float(position[0]))
        # A maximum at 1, and a flat edge that is higher than the start.
        value = -((np.logaddexp(0, position) - 1) ** 2)
        slope = 1 / (1 + np.exp(-position))
        return float(value[0]), -2 * (np.logaddexp(0, position) - 1) * slope

    def units(position):
        return np.full(1, 100.0)

    def room(position):
        return position - 3, position + np.inf

    def search(**options):
        return maximise(function, np.full(1, 30.0), units, 100, 1e-6, "the value", **options)

    maximum = search(room=room)
    assert maximum.converged
    assert maximum.position[0] == pytest.approx(np.log(np.expm1(1)), rel=1e-4)
    assert (np.diff(positions) >= -3 - 1e-9).all()


@pytest.mark.slow
def test_units_are_about_the_standard_errors_of_each_parameter_alone():
    simulator = evolution(**HAZARD)
    log = simulated_log(simulator, 200, 6)
    names = ("users.choice_model.no_click_mass", "users.user_update_alpha")
    fitted = FittedSimulator(simulator, {name: Parameter() for name in names})
    objective = Exact(search=LBFGS(batch_size=50)).objective(fitted, log)
    expected = 1 / np.sqrt(np.sum(session_scores(objective) ** 2, axis=0))
    ratio = standard_errors(objective, fitted.flat()) / expected
    assert ((ratio > 0.4) & (ratio < 2.5)).all()
