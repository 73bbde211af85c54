"""Arguments of a wrong kind, as new users of fits and values give them, are named."""

import functools

import numpy as np
import pytest

import recsim_tf
from recsim_tf import fitting, logs, ope, policies
from tests.refusals import assert_refused


@functools.cache
def world():
    simulator = recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=4)
    policy = policies.random_policy(simulator)
    trajectory = simulator.rollout(policy, 5, 2, seed=0)
    return simulator, policy, logs.from_trajectory(trajectory, simulator, logging=policy)


def judged(policy=None, estimators=("snips",), **arguments):
    _, uniform, log = world()
    return ope.evaluate(policy or uniform, log, estimators, **arguments)


def fitted(parameters, **arguments):
    simulator, _, log = world()
    return fitting.fit(arguments.pop("simulator", simulator), parameters, log, **arguments)


def validated(held_out=None, **arguments):
    simulator, _, log = world()
    return fitting.validate(simulator, log, log if held_out == "same" else held_out, **arguments)


FEEDBACK = {"n_actions": 2, "action": np.array([0, 1]), "reward": np.ones(2), "pscore": np.ones(2)}
NAME = "users.choice_model.no_click_mass"
PARAMETER = {NAME: fitting.Parameter(support="positive")}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: judged(policies.Deterministic), "policy must be an object, got .*Deterministic"),
        (lambda: judged(estimators=()), "estimators must name at least one estimator"),
        (lambda: judged(seed="x"), "seed must be an integer of at least 0, got 'x'"),
        (lambda: judged(q="x"), "q must be a Regression or a SimulatedQ, got str"),
        (lambda: judged(estimators=("calibrated",)), "model must be a Simulator, a fit, or"),
        (lambda: ope.compare({}, world()[2]), "policies must name at least one policy"),
        (lambda: ope.study(*world()[:2], None, ()), r"log_sizes must be numbers .*, got \(\)"),
        (lambda: ope.study(*world()[:2], None, 100), "log_sizes must be numbers .*, got 100"),
        (lambda: logs.to_obp(None), "log must be a Log, or the result of a reader, got NoneType"),
        (
            lambda: logs.from_obp(FEEDBACK | {"context": np.full([2, 1], np.nan)}),
            r"feedback\['context'\] must be finite, got nan at \[0, 0\]",
        ),
        (lambda: fitted({NAME: 1.0}), rf"parameters\['{NAME}'\] must be a Parameter, got float"),
        (lambda: fitted(PARAMETER, simulator=world()[1]), "simulator must be a Simulator, got"),
        (lambda: fitted(PARAMETER, checkpoints="x"), "checkpoints must be a Checkpoints, got str"),
        (lambda: validated("same"), "held_out must be other sessions than train"),
        (lambda: validated(questions="predicts"), "questions must be some of QUESTIONS, got"),
        (lambda: validated(policies=[None]), "policies must be a Mapping, got list"),
    ],
)
def test_a_wrong_use_is_refused_in_a_line_that_names_the_argument(call, message):
    assert_refused(call, message)
