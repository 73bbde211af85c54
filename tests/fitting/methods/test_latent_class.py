# SPDX-License-Identifier: Apache-2.0
"""The share of a hidden class of users."""

import numpy as np
import pytest
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.fitting import Parameter, fit
from recsim_tf.logs import from_trajectory
from tests.fitting.sessions import exploration, rollout

SHARES = "users.user_type_distribution"


# TFP calls NumPy so.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`newshape` keyword argument:DeprecationWarning")
def test_the_share_of_a_latent_type_is_found():
    simulator = exploration(
        user_type_distribution=(0.2, 0.8), affinity_scale=((0.3, 0.3), (0.3, 0.3))
    )
    log = from_trajectory(rollout(simulator, num_users=300, num_steps=2))
    latent = log._replace(initial=log.initial._replace(user_type=()))
    # The softmax keeps probabilities on the simplex.
    start = Parameter([0.5, 0.5], tfb.SoftmaxCentered(), tfd.Dirichlet(np.ones(2)))
    estimate = fit(simulator, {SHARES: start}, latent).estimates[SHARES]
    assert abs(estimate.value[0] - 0.2) < 4 * estimate.standard_error[0]
    # The two shares are one number, which is less sure than if the types had been seen.
    assert estimate.standard_error[0] == pytest.approx(estimate.standard_error[1], rel=1e-6)
    assert 1 < estimate.standard_error[0] / np.sqrt(0.2 * 0.8 / 300) < 3
