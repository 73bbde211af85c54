# SPDX-License-Identifier: Apache-2.0
import functools

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import logs, ope
from recsim_tf.agents.layers import FixedLengthHistory
from recsim_tf.agents.reinforce import create_reinforce
from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.agents.slate_q import SlateQTargets, create_slate_q
from recsim_tf.evaluation import Evaluation
from recsim_tf.policies import random_policy
from recsim_tf.training import Iteration, Training
from recsim_tf.training.devices import Devices

pytestmark = pytest.mark.slow

_FEW = Evaluation(num_users=20, max_steps=3)


def _simulator(slate_size=2):
    return recsim_tf.make("InterestEvolution-v1", slate_size=slate_size, num_candidates=5)


def _training(slate_size=2, simulator=None, **arguments):
    return Training(
        simulator or _simulator(slate_size),
        functools.partial(
            create_slate_q,
            targets=SlateQTargets(gamma=0.9),
            exploration=Exploration(epsilon=0.2),
        ),
        num_users=16,
        learning=Iteration(batch_size=32),
        **arguments,
    )


def _weights(training):
    return np.concatenate([np.ravel(each) for each in training.agent.network.get_weights()])


@pytest.fixture(scope="module")
def trained():
    """A training of six iterations, with evaluations."""
    training = _training(baselines=("random", "myopic"))
    training.run(4, log_interval=2, evaluation=_FEW, progress=False)
    training.run(2, progress=False)
    return training


def test_metrics_have_a_row_for_each_interval_of_each_run(trained):
    metrics = trained.metrics
    assert list(metrics["iteration"]) == [2, 4, 6]
    assert list(metrics["env_steps"]) == [32, 64, 96]
    assert (np.diff(metrics["seconds"]) > 0).all()
    assert np.isfinite(metrics["Losses/Loss"]).all()
    # The last run had no evaluation.
    assert list(np.isfinite(metrics["AverageEpisodeRewards/eval"])) == [True, True, False]


def test_options_of_an_agent_are_arguments_of_its_function(trained):
    assert trained.agent.targets.gamma == 0.9
    assert trained.agent.name == "SlateQ"


def test_the_agent_is_evaluated_beside_the_baselines(trained):
    results = trained.evaluate(_FEW)
    assert [result.name for result in results] == ["Random", "Myopic", "SlateQ"]
    figure = trained.plot(results)
    assert "SlateQ" in figure.axes[0].get_title()


def test_the_policy_takes_the_features_of_the_environment(trained):
    observation = trained.simulator.observe(trained.simulator.reset(3, seed=1))
    slate, _ = trained.policy.policy(observation, (), tf.constant([0, 1]))
    assert slate.shape == [3, 2]


def test_a_restored_training_goes_on_as_the_saved_one_did(trained, tmp_path):
    trained.save(tmp_path / "a" / "saved")
    other = _training(baselines=("random", "myopic"))
    other.restore(tmp_path / "a" / "saved")
    assert other.iteration == trained.iteration
    np.testing.assert_array_equal(_weights(other), _weights(trained))
    losses = [each.advance(2)["Losses/Loss"] for each in (trained, other)]
    assert losses[0] == losses[1]
    assert len(other.metrics) == 0


def test_restoring_keeps_all_checkpoints_of_a_run(trained, tmp_path):
    checkpoints = trained.checkpoints(tmp_path, Devices(tf.distribute.get_strategy()), 2)
    checkpoints.save(trained.iteration)
    trained.run(1, progress=False)
    checkpoints.save(trained.iteration)
    trained.restore(tmp_path)
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == [
        trained.iteration - 1,
        trained.iteration,
    ]


def test_a_training_of_another_simulator_or_agent_cannot_be_restored(trained, tmp_path):
    other = Training(_simulator(), create_reinforce, num_users=16)
    with pytest.raises(ValueError, match=r"folder must have a checkpoint of a training, .* has no"):
        other.restore(tmp_path)
    trained.save(tmp_path)
    for training in (_training(slate_size=3), other):
        with pytest.raises(ValueError, match="is corrupt or was written by something else"):
            training.restore(tmp_path)
        with pytest.raises(ValueError, match="failed half-way through a call"):
            training.run(1)


def test_after_a_run_that_failed_the_next_one_says_so(monkeypatch):
    training = _training()
    training.collect()

    def run(num_iterations):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(training.loop, "run", run)
        with pytest.raises(tf.errors.ResourceExhaustedError):
            training.run(1, progress=False)
    with pytest.raises(ValueError, match="failed half-way through a call: restore it, or make it"):
        training.run(1, progress=False)


def test_too_few_steps_before_learning_are_refused():
    with pytest.raises(ValueError, match="num_iterations must be an integer of at least 2, got 0"):
        _training().collect(0)


def test_a_policy_is_not_judged_by_the_log_that_its_environment_was_fitted_to():
    simulator = _simulator()
    live = random_policy(simulator)
    trajectory = simulator.rollout(live, num_users=60, num_steps=3, seed=0)
    log = logs.from_trajectory(trajectory, simulator, logging=live)
    simulator.fitted_to = logs.fingerprint(log)
    layers = (FixedLengthHistory(2),)
    for training in (_training(simulator=simulator), _training(simulator=simulator, layers=layers)):
        result = ope.evaluate(
            training.policy,
            log,
            ("simulated",),
            model=simulator,
            logging=live,
            num_simulated=60,
        )
        assert "learned from this log" in result["simulated"].verdict.reason
