# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.intents import IntentUsers, intents
from recsim_tf.fitting import NUTS
from recsim_tf.fitting.methods.exact import session_log_prob
from recsim_tf.fitting.sampling import sample_sessions
from recsim_tf.logs import from_trajectory, simulated_log
from tests.fitting.sessions import evolution, exploration, rollout, satisfaction
from tests.refusals import assert_refused
from tests.worlds.latents import latents

NUM_USERS, NUM_STEPS = 5, 4
LEVEL, STEP, RATING = 1.0, 0.5, 0.3


def rating() -> Simulator:
    return latents(users={"spread": LEVEL, "noise": RATING, "walk": STEP})


@pytest.fixture(scope="module")
def log():
    log = from_trajectory(rollout(rating(), NUM_USERS, NUM_STEPS))
    return log.cut(np.minimum(np.arange(NUM_USERS) + 1, NUM_STEPS))


def exact(log, session, initial, innovation):
    """Means and covariance of the latents, (initial, innovations of the steps), by linear
    regression on the ratings.
    """
    length = log.length[session]
    # A rating is the initial level, the innovations before it, and noise.
    design = np.hstack([np.ones([length, 1]), np.tril(np.ones([length, length]), -1)])
    ratings = log.response[session, :length]
    latent = np.array([initial] + [innovation] * length)
    known = np.concatenate(
        [
            [0.0] if initial else log.initial[session, np.newaxis],
            *[[0.0] * length if innovation else log.innovation[session, :length]],
        ]
    )
    ratings = ratings - design @ np.where(latent, 0, known)
    design = design[:, latent]
    precision = design.T @ design / RATING**2 + np.diag(
        np.array([LEVEL**-2] + [STEP**-2] * length)[latent]
    )
    covariance = np.linalg.inv(precision)
    return covariance @ design.T @ ratings / RATING**2, covariance


@pytest.mark.slow
@pytest.mark.parametrize(
    ("initial", "innovation"),
    [
        pytest.param(True, False, id="initial", marks=pytest.mark.slow),
        pytest.param(False, True, id="innovation", marks=pytest.mark.slow),
        pytest.param(True, True, id="both"),
    ],
)
def test_the_posterior_of_every_session_is_the_exact_one(log, initial, innovation):
    latent = log._replace(
        initial=() if initial else log.initial, innovation=() if innovation else log.innovation
    )
    posterior = sample_sessions(rating(), latent, NUTS(400, 150, jit_compile=False))
    assert (posterior.r_hat < 1.1).all()
    assert (posterior.num_divergent == 0).all()
    for session in range(NUM_USERS):
        mean, covariance = exact(log, session, initial, innovation)
        length = log.length[session]
        found = np.concatenate(
            [
                posterior.initial[:, session, np.newaxis] if initial else np.zeros([400, 0]),
                posterior.innovation[:, session, :length] if innovation else np.zeros([400, 0]),
            ],
            axis=1,
        )
        size = posterior.effective_sample_size[session]
        variance = np.diag(covariance)
        np.testing.assert_array_less(np.abs(found.mean(0) - mean), 4 * np.sqrt(variance / size))
        np.testing.assert_array_less(
            np.abs(found.var(0) - variance), 4 * variance * np.sqrt(2 / size)
        )
        if innovation:
            assert not posterior.innovation[:, session, length:].any()


@pytest.mark.slow
def test_bounded_and_joint_latents_stay_within_their_supports():
    simulator = satisfaction(observation_stddev=0.1)
    log = from_trajectory(rollout(simulator, num_users=4, num_steps=3))
    posterior = sample_sessions(simulator, log._replace(initial=()), NUTS(100, 50))
    assert posterior.initial.exposure.shape == posterior.initial.noise.shape == (100, 4)
    assert ((posterior.initial.exposure > 0) & (posterior.initial.exposure < 1)).all()
    # Sessions tell nothing about the noise of an observation and, with this small sensitivity,
    # about the exposure: it stays uniform.
    assert posterior.initial.noise.std() == pytest.approx(0.1, rel=0.3)
    assert posterior.initial.exposure.std() == pytest.approx(12**-0.5, rel=0.3)
    assert posterior.innovation == ()


@pytest.mark.slow
def test_chains_do_not_begin_in_modes_that_do_not_count():
    """The satisfaction shows the distance to the best document to within 0.01. From a prior draw
    chains come to intents that explain one step and not the others, thousands of nats below the
    truth. Each session has a sensitivity of its own here.
    """
    num_sessions = 8
    simulator = intents(IntentUsers(sensitivity=np.linspace(0.7, 0.9, num_sessions)))
    log = simulated_log(simulator, num_sessions, 5, seed=4)
    posterior = sample_sessions(simulator, log._replace(initial=()), NUTS(4, 20, jit_compile=False))
    found = session_log_prob(simulator, log._replace(initial=posterior.initial[-1]))
    # Three coordinates lie below the best ones by 1.5 nats on average.
    assert np.min(found - session_log_prob(simulator, log)) > -10
    assert np.abs(posterior.initial[-1] - log.initial).max() < 0.3


@pytest.mark.slow
def test_the_same_seed_gives_the_same_draws(log):
    latent, sampler = log._replace(initial=()), NUTS(4, 2, jit_compile=False)
    one, again = (sample_sessions(rating(), latent, sampler, seed=1).initial for _ in range(2))
    np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize(
    ("simulator", "latent", "message"),
    [
        (rating(), [], "the log must lack the initial draws or the innovations, got all"),
        (exploration(), ["innovation"], "must lack the initial draws or the innovations, got all"),
        (exploration(), ["initial"], "latent initial draws must be continuous, got JointDistri"),
        (evolution(), ["innovation"], "must be continuous, got MaskedBernoulli: for discrete ones"),
        (
            satisfaction(observation_stddev=0.1),
            ["innovation"],
            "must be of all reals at every step",
        ),
    ],
)
def test_latents_that_cannot_be_sampled_are_named(simulator, latent, message):
    log = from_trajectory(rollout(simulator, num_users=3, num_steps=2))
    latent = log._replace(**{name: () for name in latent})
    assert_refused(lambda: sample_sessions(simulator, latent), message)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda log: sample_sessions(rating(), log.take([])), "must have at least one session"),
    ],
)
def test_bad_arguments_are_named(log, make, message):
    assert_refused(lambda: make(log._replace(initial=())), message)
