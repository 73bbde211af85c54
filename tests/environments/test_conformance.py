# SPDX-License-Identifier: Apache-2.0
"""What every environment promises, checked on each one that is registered."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.conversations import ConversationUsers
from recsim_tf.conversations.parts import Patience, Refinements
from recsim_tf.core.base.types import Turn
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.turns import some_turn
from recsim_tf.environments.ecosystem import provider_layout
from recsim_tf.environments.return_visits import ReturnVisitsUsers, viewers
from recsim_tf.policies import random_policy
from tests.dynamics.world import moody
from tests.environments.long_term_satisfaction.test_long_term_satisfaction import (
    PARAMETERS as SATISFACTION_PARAMETERS,
)
from tests.environments.sequential import sequential

NUM_USERS, NUM_STEPS, SLATE_SIZE, NUM_CANDIDATES, MAX_STEPS = 6, 5, 2, 5, 3


class Environment(NamedTuple):
    """An environment under test, and the parameters to which its docstrings promise gradients."""

    environment_id: str | None
    arguments: dict
    users: tuple[str, ...]  # through the user parts of `log_prob`
    documents: tuple[str, ...] = ()  # through its documents part
    factory: Callable[..., Simulator] | None = None  # in place of that of the id
    seed: int = 2  # of sessions on which all these parameters act

    def make(self, **arguments) -> Simulator:
        arguments = {
            "slate_size": SLATE_SIZE,
            "num_candidates": NUM_CANDIDATES,
            "max_steps": MAX_STEPS,
            **self.arguments,
            **arguments,
        }
        factory = self.factory or functools.partial(recsim_tf.make, self.environment_id)
        return factory(**arguments)


def patient_conversation(dtype=tf.float32, **arguments) -> Simulator:
    """Conversations that go on to their time limit."""
    users = ConversationUsers(
        3,
        num_attributes=2,
        num_senses=2,
        sense_probs=(0.4, 0.6),
        refinements=Refinements(logit=2.0),
        patience=Patience(40.0),
        leaves_satisfied=False,
        dtype=dtype,
    )
    return recsim_tf.make("Conversation-v0", users=users, num_chips=2, **arguments)


def loyal_visitors(dtype=tf.float32, **arguments) -> Simulator:
    """Visits of one step in lifetimes that go on to their time limit."""
    users = ReturnVisitsUsers(viewers(dtype), horizon=1e4, visit_steps=1, churn_prob=1e-3)
    return recsim_tf.make("ReturnVisits-v0", users=users, dtype=dtype, **arguments)


ENVIRONMENTS = {
    "components": Environment(
        None,
        {},
        (
            "segment.table",
            "segment.logits",
            "taste.transition",
            "taste.gain",
            "taste.noise",
            "taste.initial_scale",
            "mood.logits",
            "choice_model.no_click_mass",
        ),
        factory=moody,
    ),
    "conversation": Environment(
        "Conversation-v0",
        {},
        (
            "directions",
            "taste_loc",
            "sense_probs",
            "talkativeness_scale",
            "choice_model.no_click_mass",
            "choice_sharpness",
            "answers.sharpness",
            "ignoring",
            "critiques.logit",
            "dwell.gain",
        ),
        ("refinement",),
        patient_conversation,
    ),
    "drifting taste": Environment(
        "DriftingTaste-v0", {}, ("taste_loc", "taste_scale", "gain", "decay")
    ),
    "ecosystem": Environment(
        "Ecosystem-v0",
        {"means": provider_layout(0, num_clusters=2), "users_per_world": 3},
        ("means", "core_stddev", "utility_stddev", "interest_step_size"),
        ("popularity", "discount", "stddev"),
    ),
    "engagement bait": Environment(
        "EngagementBait-v0",
        {"users_per_world": 3},
        ("interest_step_size", "max_affinity", "choice_model.no_click_mass"),
    ),
    "feed": Environment("Feed-v0", {}, ("tab", "hour", "share", "change", "appetite", "tab_probs")),
    "interest evolution": Environment(
        "InterestEvolution-v1",
        {},
        (
            "choice_model.no_click_mass",
            "choice_model.min_normalizer",
            "alpha_y_intercept",
            "alpha_x_intercept",
        ),
        ("quality_stddev", "min_utility", "max_utility"),
        seed=5,
    ),
    "interest exploration": Environment(
        "InterestExploration-v1",
        {},
        (
            "user_type_distribution",
            "affinity_loc",
            "affinity_scale",
            "choice_model.no_click_mass",
        ),
        ("topic_distribution", "quality_loc", "quality_scale"),
    ),
    "key terms": Environment("KeyTerms-v0", {"num_offered_arms": 3}, ()),
    "long-term satisfaction": Environment(
        "LongTermSatisfaction-v1",
        {"tutorial": True},
        (*SATISFACTION_PARAMETERS, "observation_stddev"),
    ),
    "news": Environment(
        "News-v0",
        {"users_per_world": 3},
        ("taste_scale", "freshness", "half_life", "choice_model.no_click_mass"),
        ("topic_probs", "quality_loc", "quality_scale", "arrival_rate"),
    ),
    "page clicks": Environment(
        "PageClicks-v0",
        {},
        ("intercept", "position_effect", "feature_probs", "feature_effect"),
        ("affinity_probs",),
    ),
    "return visits": Environment(
        "ReturnVisits-v0",
        {},
        (
            *(f"users.{name}" for name in SATISFACTION_PARAMETERS),
            "gap_loc",
            "gap_scale",
            "gap_sensitivity",
            "churn_prob",
            "churn_sensitivity",
            "daily_memory",
        ),
        factory=loyal_visitors,
    ),
    "sequential": Environment(
        None,
        {"starting_probs": [1 / 6] * 6},
        ("starting_probs", "jump_probs"),
        factory=sequential,
    ),
}


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def environment(request) -> Environment:
    return ENVIRONMENTS[request.param]


def first_action(simulator):
    """The first candidates; where there are queries also the first of these."""
    turn = some_turn(simulator, NUM_USERS)
    return turn if simulator.query_spec else turn.slate


def rollout(simulator, **arguments):
    """A compiled function from a seed to a trajectory of random slates, or turns."""
    return compiled(
        lambda seed: simulator.rollout(
            random_policy(simulator), NUM_USERS, NUM_STEPS, seed, **arguments
        )
    )


@pytest.fixture(scope="module")
def simulator(environment) -> Simulator:
    return environment.make()


@pytest.fixture(scope="module")
def newcomers(simulator):
    """A trajectory of sessions in a row."""
    return rollout(simulator, auto_reset=True)(as_seed(0))


@pytest.fixture(scope="module")
def env(simulator) -> SlateEnvironment:
    return SlateEnvironment(simulator, NUM_USERS, seed=0)


@pytest.fixture(scope="module")
def step(env):
    return compiled(env.step)


@pytest.fixture(scope="module")
def time_steps(env, simulator, step):
    """Steps of a fixed action from the start of a session over its end into the next, and one after
    a reset.
    """
    action = first_action(simulator)
    return [env.current_time_step(), *(step(action) for _ in range(MAX_STEPS + 2)), env.reset()]


def leaves_equal(one, other):
    pairs = zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True)
    return [np.array_equal(leaf, other_leaf) for leaf, other_leaf in pairs]


def test_every_registered_environment_is_checked():
    assert {case.environment_id for case in ENVIRONMENTS.values()} - {None} == set(
        recsim_tf.registered()
    )


def test_specs_are_named_and_bounded(env):
    action_spec, specs = env.action_spec(), tf.nest.flatten(env.observation_spec())
    if isinstance(action_spec, Turn):
        specs += tf.nest.flatten(action_spec.query)
        action_spec = action_spec.slate
    names = [spec.name for spec in specs]
    assert all(names)
    assert len(set(names)) == len(names)
    assert all(isinstance(spec, tensor_spec.BoundedTensorSpec) for spec in specs)
    assert (action_spec.name, action_spec.shape, action_spec.dtype) == (
        "slate",
        [SLATE_SIZE],
        tf.int32,
    )
    assert (action_spec.minimum, action_spec.maximum) == (0, NUM_CANDIDATES - 1)


@pytest.mark.slow
def test_the_check_of_models_passes(simulator):
    recsim_tf.check(simulator)


@pytest.mark.slow
def test_time_steps_are_like_their_specs(env, time_steps):
    def check(spec, values):
        assert values.dtype == spec.dtype
        assert values.shape == [NUM_USERS, *spec.shape]

    for time_step in time_steps:
        tf.nest.map_structure(check, env.observation_spec(), time_step.observation)
        assert (time_step.reward.dtype, time_step.reward.shape) == (tf.float32, [NUM_USERS])


def test_users_who_end_are_followed_by_newcomers(time_steps):
    first, mid, last = ts.StepType.FIRST, ts.StepType.MID, ts.StepType.LAST
    expected = [first, *[mid] * (MAX_STEPS - 1), last, first, mid, first]
    np.testing.assert_array_equal([time_step.step_type[0] for time_step in time_steps], expected)
    for time_step in time_steps:
        if time_step.step_type[0] == first:
            np.testing.assert_array_equal(time_step.reward, np.zeros(NUM_USERS))
            assert all(not np.any(leaf) for leaf in tf.nest.flatten(time_step.observation.response))


@pytest.mark.slow
def test_auto_reset_rollouts_seat_newcomers_with_draws_of_their_own(simulator, newcomers):
    trajectory, transitions = newcomers, newcomers.transitions
    states = simulator.replay(trajectory)
    assert transitions.active.numpy().all()
    np.testing.assert_array_equal(states.num_steps[:, 0], np.arange(NUM_STEPS) % MAX_STEPS)
    np.testing.assert_array_equal(transitions.truncated[MAX_STEPS - 1], np.ones(NUM_USERS))
    drawn = tf.nest.map_structure(lambda leaf: leaf[MAX_STEPS - 1], trajectory.newcomers)
    seated = tf.nest.map_structure(lambda leaf: leaf[MAX_STEPS], states.user)
    assert all(leaves_equal(seated, simulator.users.initial_state(drawn)))
    assert not all(leaves_equal(trajectory.initial.user, drawn))


def test_floats_are_float32(newcomers, time_steps):
    leaves = tf.nest.flatten((newcomers, time_steps))
    assert {leaf.dtype for leaf in leaves} <= {tf.float32, tf.int32, tf.bool}


@pytest.fixture(scope="module")
def float64(environment):
    """In float64 and by XLA: the tensors while all is traced, and the function from a seed to a
    trajectory and its log-probability.
    """
    simulator = environment.make(dtype=tf.float64)
    traced = []

    @compiled(jit_compile=True)
    def everything(seed):
        action = first_action(simulator)
        state, transition = simulator.step(simulator.reset(NUM_USERS, seed), action, seed)
        trajectory = simulator.rollout(random_policy(simulator), NUM_USERS, NUM_STEPS, seed)
        log_prob = simulator.log_prob(trajectory)
        traced.extend(
            tf.nest.flatten((state, transition, simulator.observe(state), trajectory, log_prob))
        )
        return trajectory, log_prob

    return traced, everything


@pytest.mark.slow
def test_everything_compiles_under_xla_in_float64_and_with_static_shapes(float64):
    traced, everything = float64
    _, log_prob = everything(as_seed(13))
    assert all(leaf.shape.is_fully_defined() for leaf in traced)
    assert {leaf.dtype for leaf in traced} <= {tf.float64, tf.int32, tf.bool}
    assert all(np.isfinite(part).all() for part in log_prob)


@pytest.mark.slow
def test_a_seed_decides_the_trajectory_and_nothing_is_traced_twice(float64, step, time_steps):
    _, everything = float64
    first, again, other = (everything(as_seed(seed))[0] for seed in (13, 13, 14))
    assert all(leaves_equal(first, again))
    assert not all(leaves_equal(first.transitions.draws, other.transitions.draws))
    assert not all(leaves_equal(first.initial, other.initial))
    counts = [function.experimental_get_tracing_count() for function in (everything, step)]
    assert counts == [1, 1]


@pytest.mark.slow
def test_log_prob_has_the_gradients_that_the_docstrings_promise(environment, float64):
    simulator = environment.make(dtype=tf.float64)
    names = [f"users.{name}" for name in environment.users]
    names += [f"documents.{name}" for name in environment.documents]
    found = simulator.parameters()
    variables = [tf.Variable(found[name], dtype=tf.float64, name=name) for name in names]
    simulator = simulator.with_parameters(dict(zip(names, variables, strict=True)))

    @compiled
    def score(trajectory):
        with tf.GradientTape() as tape:
            log_prob = simulator.log_prob(trajectory)
            parts = [log_prob.user] * len(environment.users) + [log_prob.documents] * len(
                environment.documents
            )
            values = [tf.reduce_sum(part) for part in parts]
            total = log_prob.total
        gradients = tape.gradient(total, variables)
        return log_prob, values, [tf.convert_to_tensor(gradient) for gradient in gradients]

    trajectory, by_xla = float64[1](as_seed(environment.seed))
    log_prob, _, gradients = score(trajectory)
    # What XLA's generator draws is as probable in graph mode.
    for part, expected in zip(log_prob, by_xla, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-9, atol=1e-9)
    for index, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
        direction = np.random.default_rng(0).normal(size=variable.shape)
        value, differences = variable.numpy(), []
        for step in (1e-6, -1e-6):
            variable.assign(value + step * direction)
            differences.append(score(trajectory)[1][index].numpy())
        variable.assign(value)
        expected = (differences[0] - differences[1]) / 2e-6
        assert abs(expected) > 1e-4, variable.name
        np.testing.assert_allclose(
            np.sum(gradient * direction), expected, rtol=1e-4, err_msg=variable.name
        )
