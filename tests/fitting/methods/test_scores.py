# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.base.parameters import parameter
from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.fitting import LBFGS, Curvature, Parameter, Scores
from recsim_tf.fitting.methods.exact import Exact
from recsim_tf.fitting.methods.information import ScoresOrCurvature
from recsim_tf.fitting.methods.session_gradients import session_scores
from recsim_tf.fitting.methods.session_method import SessionsObjective
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import simulated_log
from tests.fitting.sessions import HAZARD, evolution
from tests.refusals import assert_refused

NUM_FACTORS = 4
FACTORS = np.random.default_rng(0).standard_normal([6, NUM_FACTORS])


class PlainGain(DriftingTasteUsers):
    """Reads a number of its own against [B, F], and does not declare that."""

    strength: Any = parameter(1.0)
    dtype: tf.DType = dataclasses.field(default=tf.float64, kw_only=True)

    def update(self, state, slate, response, innovation):
        following = super().update(state, slate, response, innovation)
        return following._replace(drift=following.drift * tf.cast(self.strength, self.dtype))


def tastes(users=DriftingTasteUsers):
    return drifting_taste(
        slate_size=3,
        num_candidates=5,
        users=users(NUM_FACTORS, gain=0.3, decay=0.8, dtype=tf.float64),
        documents=Catalogue(6, NUM_FACTORS, factors=FACTORS, dtype=tf.float64),
    )


def by_differences(likelihood: SessionsObjective) -> np.ndarray:
    """[S, P]: the scores, from log-likelihoods to either side."""
    fitted, columns = likelihood.fitted, []
    center = fitted.flat()
    for step in 1e-5 * np.eye(len(center)):
        sides = []
        for position in (center + step, center - step):
            fitted.assign_flat(position)
            sides.append(likelihood.by_session())
        columns.append((sides[0] - sides[1]) / 2e-5)
    fitted.assign_flat(center)
    return np.stack(columns, axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("simulator", "names", "num_sessions", "batch_size"),
    [
        (evolution(**HAZARD), ["choice_model.no_click_mass", "user_update_alpha"], 5, 2),
        # As many sessions as factors, and another number.
        (tastes(), ["gain", "decay", "taste_scale", "taste_loc"], NUM_FACTORS, NUM_FACTORS),
        (tastes(), ["gain", "decay"], 6, 6),
    ],
)
def test_scores_are_the_gradients_of_single_sessions(simulator, names, num_sessions, batch_size):
    log = simulated_log(simulator, num_sessions, 4)
    fitted = FittedSimulator(simulator, {f"users.{name}": Parameter() for name in names})
    likelihood = Exact(search=LBFGS(batch_size=batch_size)).objective(fitted, log)
    np.testing.assert_allclose(
        session_scores(likelihood), by_differences(likelihood), rtol=1e-6, atol=1e-7
    )


@pytest.mark.slow
@pytest.mark.parametrize("num_sessions", [NUM_FACTORS, 6])
def test_a_number_that_is_read_as_a_vector_undeclared_gets_no_scores(num_sessions):
    simulator = tastes(PlainGain)
    log = simulated_log(simulator, num_sessions, 4)
    parameters = {"users.strength": Parameter(), "users.gain": Parameter()}
    likelihood = Exact(search=LBFGS(batch_size=num_sessions)).objective(
        FittedSimulator(simulator, parameters), log
    )
    refusal = r"got Scores\(\) for users.strength: declare"
    assert_refused(lambda: Scores().of(likelihood), refusal)
    if num_sessions == NUM_FACTORS:
        np.testing.assert_array_equal(
            ScoresOrCurvature().of(likelihood)(), Curvature().of(likelihood)()
        )
