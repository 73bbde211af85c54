# SPDX-License-Identifier: Apache-2.0
"""Eager calls run functions that were traced, and give what eager steps give."""

import copy
import dataclasses
import gc
import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import policies
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents import slate_q
from recsim_tf.agents.reinforce import SlatePolicyNetwork
from recsim_tf.agents.shared.learning import Learning
from recsim_tf.choice import MultinomialLogit
from recsim_tf.core.base.traces import joint_key
from recsim_tf.evaluation.baselines import rollout_policy
from tests.alike import assert_equal
from tests.processes import run_python
from tests.refusals import assert_refused
from tests.worlds.clicks import Clickers, Numbers

NUM_USERS, NUM_STEPS = 5, 40
# How often the Python code of `Counting` ran.
runs = []


class Counting(Clickers):
    def response(self, state, slate):
        runs.append(slate)
        return super().response(state, slate)


class Unlike(Counting):
    """Reads numbers, which a graph does not have yet."""

    def response(self, state, slate):
        return MultinomialLogit(float(state[0]))(slate.documents, slate.mask)


class Showing:
    """A policy of a user's own, which shows a document that may be another one later."""

    document = 0

    def __call__(self, observation, policy_state, seed):
        return tf.fill([NUM_USERS, 1], self.document), policy_state


class Slotted(NamedTuple):
    """A policy without weak references."""

    document: int

    def __call__(self, observation, policy_state, seed):
        return tf.tile([[self.document, -1]], [NUM_USERS, 1]), policy_state


@dataclasses.dataclass
class Settled:
    """A policy that is equal to another one of the same fields, and so has no hash."""

    document: int = 0

    def trace_key(self):
        return (self.document,)

    def __call__(self, observation, policy_state, seed):
        return tf.tile([[self.document, -1]], [NUM_USERS, 1]), policy_state


@pytest.fixture(name="simulator")
def fixture_simulator():
    runs.clear()
    return recsim_tf.Simulator(Counting(), Numbers(), 2, 4)


def rollout(simulator, policy, num_steps=NUM_STEPS, seed=0):
    return simulator.rollout(policy, NUM_USERS, num_steps, seed)


def eagerly(function):
    tf.config.run_functions_eagerly(True)
    try:
        return function()
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.mark.slow
def test_a_rollout_is_that_of_eager_steps_and_is_traced_once(simulator):
    policy = policies.random_policy(simulator)
    first, other = rollout(simulator, policy), rollout(simulator, policy, seed=1)
    num_runs = len(runs)
    assert num_runs < NUM_STEPS
    assert_equal(rollout(simulator, policy), first)
    assert len(runs) == num_runs
    assert_equal(eagerly(lambda: rollout(simulator, policy)), first)
    assert_equal(eagerly(lambda: rollout(simulator, policy, seed=1)), other)


def test_a_fold_goes_on_from_a_state_as_eager_steps_do(simulator):
    policy = policies.random_policy(simulator)
    state = simulator.reset(NUM_USERS, seed=3)

    def total():
        return simulator.fold(
            policy,
            NUM_USERS,
            NUM_STEPS,
            0,
            lambda total, transition: total + transition.reward,
            lambda state: tf.zeros_like(state.done, tf.float32),
            state=state,
        )

    assert_equal(total(), eagerly(total))


@pytest.mark.slow
def test_new_parameters_under_a_tape_are_no_new_trace(simulator):
    trajectory = rollout(simulator, policies.random_policy(simulator), seed=1)
    runs.clear()
    mass, gradients = tf.Variable(0.0), []
    for number in range(200):
        mass.assign(number / 100)
        with tf.GradientTape() as tape:
            model = simulator.with_parameters({"users.no_click_mass": mass})
            value = tf.reduce_mean(model.log_prob(trajectory).user)
        gradients.append(float(tape.gradient(value, mass)))
    assert len(runs) <= 2 * 2  # A loop's body is traced, and looked at before.
    assert gradients == sorted(gradients, reverse=True)
    assert gradients[0] > 0 > gradients[-1]


def test_a_few_steps_run_eagerly_until_they_are_many(simulator):
    policy = policies.random_policy(simulator)
    for _ in range(4):
        rollout(simulator, policy, num_steps=10)
    num_runs = len(runs)
    assert num_runs >= 20
    rollout(simulator, policy, num_steps=10)
    assert len(runs) == num_runs


@pytest.mark.slow
def test_other_numbers_are_other_traces(simulator):
    policy = policies.random_policy(simulator)
    first = rollout(simulator, policy)
    simulator.users.no_click_mass = 9.0
    second = rollout(simulator, policy)
    assert_equal(eagerly(lambda: rollout(simulator, policy)), second)
    clicks = [tf.reduce_sum(each.transitions.reward).numpy() for each in (first, second)]
    assert clicks[0] > 10 * clicks[1]


def test_policies_of_ones_own_are_read_at_each_call(simulator):
    policy = Showing()
    shown = []
    for policy.document in (1, 3):
        slates = rollout(simulator, policy).transitions.turn.slate
        shown.append(int(tf.reduce_max(slates)))
    assert shown == [1, 3]


class Constant(policies.PolicyModel):
    """A policy of a user's own that is a model, which shows the document in a field."""

    simulator: recsim_tf.Simulator
    document: Any = recsim_tf.parameter(0)
    other: Any = None

    def __call__(self, observation, policy_state, seed):
        document = tf.cast(self.per_user("document"), tf.int32)
        return tf.broadcast_to(document, [NUM_USERS, 1]), policy_state


@pytest.mark.parametrize("values", [(1, 3), (tf.constant(1.0), tf.constant(3.0))])
def test_a_policy_that_is_a_model_is_traced_once_and_again_for_other_fields(simulator, values):
    policy, shown = Constant(simulator), []
    for policy.document in values:
        slates = rollout(simulator, policy).transitions.turn.slate
        num_runs = len(runs)
        assert_equal(rollout(simulator, policy).transitions.turn.slate, slates)
        assert len(runs) == num_runs
        shown.append(int(tf.reduce_max(slates)))
    assert shown == [1, 3]


@pytest.mark.slow
def test_a_policy_without_a_hash_is_traced_once_and_again_for_another_key(simulator):
    policy = Settled()
    rollout(simulator, policy)
    number = len(runs)
    rollout(simulator, policy, seed=1)
    assert len(runs) == number > 0
    policy.document = 1
    positions = rollout(simulator, policy).transitions.slate
    assert len(runs) > number
    np.testing.assert_array_equal(positions[..., 0], 1)
    dead = weakref.ref(policy)
    del policy
    gc.collect()
    assert dead() is None


@pytest.mark.parametrize(
    "holding",
    [
        lambda simulator, policy: Constant(simulator, other=policy),
        lambda simulator, policy: Constant(simulator, other=[policy]),
        lambda simulator, policy: policies.Deterministic(policy),
        lambda simulator, policy: policies.Explained(policy, None),
        lambda simulator, policy: policies.PlackettLucePolicy.of_logits(policy, 1),
    ],
)
def test_a_trace_of_a_policy_that_holds_a_function_of_a_users_own_is_not_kept(simulator, holding):
    assert holding(simulator, Showing()).trace_key() is None


def _served_by_slate_q(simulator):
    environment = SlateEnvironment(simulator, 2)
    agent = slate_q.SlateQAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        slate_q.SlateQNetwork(simulator.observation_spec(), (4,)),
        Learning(tf.keras.optimizers.Adam(0.001)),
    )
    return rollout_policy(agent.policy)


@pytest.mark.parametrize(
    "policy_of",
    [
        policies.random_policy,
        policies.myopic_policy,
        policies.softmax_policy,
        policies.OraclePolicy,
        lambda simulator: policies.Deterministic(policies.myopic_policy(simulator)),
        lambda simulator: policies.PlackettLucePolicy.of_network(
            SlatePolicyNetwork(simulator.observation_spec(), 2)
        ),
        _served_by_slate_q,
    ],
)
def test_traces_of_the_policies_of_this_package_are_kept(policy_of):
    policy = policy_of(recsim_tf.interest_evolution())
    assert hash(joint_key(policy)) == hash(joint_key(policy))
    assert joint_key(policy) == joint_key(policy) is not None


def test_paired_users_are_paired_in_traces_too(simulator):
    policy = policies.random_policy(simulator)
    rollout(simulator, policy)
    seeds = tf.constant([[0, 1]])
    with recsim_tf.core.random.paired(NUM_USERS):
        trajectory = simulator.rollout(policy, NUM_USERS, NUM_STEPS, seeds)
    for leaf in tf.nest.flatten(trajectory.transitions):
        assert_equal(leaf, tf.repeat(leaf[:, :1], NUM_USERS, axis=1))


@pytest.mark.slow
def test_dead_policies_are_dead(simulator):
    policy = policies.random_policy(simulator)
    rollout(simulator, policy)
    reference = weakref.ref(policy)
    del policy
    gc.collect()
    assert reference() is None


@pytest.mark.slow
def test_models_that_cannot_be_traced_run_eagerly():
    simulator = recsim_tf.Simulator(Unlike(), Numbers(), 2, 4)
    policy = policies.random_policy(simulator)
    first = rollout(simulator, policy)
    assert_equal(eagerly(lambda: rollout(simulator, policy)), first)
    assert_equal(rollout(simulator, policy), first)


def test_faults_are_told_as_in_eager_steps(simulator):
    checked = simulator.replaced(validate=True)
    policy = Showing()
    policy.document = 9
    assert_refused(lambda: rollout(checked, policy), "slate must hold candidate positions")


def test_the_method_at_fault_is_named():
    class Faulty(Clickers):
        def departure(self, state):
            return state[:, 0] > 0  # A state has a number for each user alone.

    faulty = recsim_tf.Simulator(Faulty(), Numbers(), 2, 4)
    with pytest.raises(ValueError, match=r"Faulty\.departure"):
        rollout(faulty, policies.random_policy(faulty))


def test_a_copy_of_a_simulator_simulates(simulator):
    policy = policies.random_policy(simulator)
    first = rollout(simulator, policy)
    assert_equal(rollout(copy.deepcopy(simulator), policy), first)


_DIGEST = """
import hashlib, recsim_tf, tensorflow as tf
from recsim_tf import policies
simulator = recsim_tf.make("InterestEvolution-v1", slate_size=3, num_candidates=10)
trajectory = simulator.rollout(policies.random_policy(simulator), 1000, 40, seed=0)
scores = simulator.log_prob(trajectory)
leaves = tf.nest.flatten((trajectory, scores))
print(hashlib.sha256(b"".join(leaf.numpy().tobytes() for leaf in leaves)).hexdigest())
"""


@pytest.mark.slow
def test_a_rollout_does_not_depend_on_the_number_of_threads():
    threads = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    first, second = (
        run_python("-c", _DIGEST, **dict.fromkeys(threads, number)).stdout for number in "12"
    )
    assert first == second != ""


def test_a_policy_without_weak_references_runs_for_any_number_of_steps(simulator):
    for num_steps in (3, NUM_STEPS):
        trajectory = simulator.rollout(Slotted(1), NUM_USERS, num_steps, seed=0)
        assert (trajectory.transitions.slate.numpy()[..., 0] == 1).all()
