import numpy as np
import pytest
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.fitting import Classes, Parameter, fit, from_trajectory
from recsim_tf.fitting.likelihood.exact import session_log_prob
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from tests.fitting.sessions import exploration, rollout

DISTRIBUTION = "users.user_type_distribution"


@pytest.fixture(scope="module")
def log():
    simulator = exploration(
        user_type_distribution=(0.2, 0.8), affinity_scale=((0.3, 0.3), (0.3, 0.3))
    )
    return simulator, from_trajectory(rollout(simulator, num_users=300, num_steps=2))


def test_a_user_type_that_was_not_logged_is_summed_out(log):
    simulator, complete = log
    latent = complete._replace(initial=complete.initial._replace(user_type=()))
    fitted = FittedSimulator(simulator, {DISTRIBUTION: Parameter([0.5, 0.5])})
    found = Classes().of(fitted, latent, 100).by_session()
    by_type = [
        session_log_prob(
            fitted.simulator,
            complete._replace(
                initial=complete.initial._replace(user_type=np.full(300, number, np.int32))
            ),
        )
        for number in range(2)
    ]
    np.testing.assert_allclose(found, np.logaddexp(*by_type), rtol=1e-9)


# TFP calls NumPy so.
@pytest.mark.filterwarnings("ignore:`newshape` keyword argument:DeprecationWarning")
def test_the_share_of_a_latent_type_is_found(log):
    simulator, complete = log
    latent = complete._replace(initial=complete.initial._replace(user_type=()))
    # The softmax keeps probabilities on the simplex.
    parameters = {
        "users.user_type_distribution": Parameter(
            [0.5, 0.5], tfb.SoftmaxCentered(), tfd.Dirichlet(np.ones(2))
        )
    }
    estimate = fit(simulator, parameters, latent).estimates[DISTRIBUTION]
    assert abs(estimate.value[0] - 0.2) < 4 * estimate.standard_error[0]
    # The two shares are one number, which is less sure than if the types had been seen.
    assert estimate.standard_error[0] == pytest.approx(estimate.standard_error[1], rel=1e-6)
    assert 1 < estimate.standard_error[0] / np.sqrt(0.2 * 0.8 / 300) < 3


def test_what_is_not_finite_cannot_be_summed_out(log):
    simulator, complete = log
    latent = complete._replace(initial=complete.initial._replace(affinity=()))
    mass = {"users.choice_model.no_click_mass": Parameter()}
    with pytest.raises(
        ValueError, match=r"must be MeanField.* for initial draws that are no class"
    ):
        fit(simulator, mass, latent, likelihood=Classes())
