# SPDX-License-Identifier: Apache-2.0
"""One fault at a time in a small environment: each is one line that names the method, what is
expected and what was got.
"""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.support.errors import ModelWarning
from tests.worlds.clicks import clicks
from tests.worlds.latents import latents
from tests.worlds.leavers import Response, Shop, Shoppers, State
from tests.worlds.purchases import purchases
from tests.worlds.shared import shared

# Users in the check: five, because slates have 2 positions of 6 candidates.
B, K, N = 5, 2, 6


def simulator_with(method=None, fault=None, slate_size=K, **arguments):
    """The environment, one method of which is replaced."""
    if method == "reward_fn":
        arguments["reward_fn"] = fault
    owner, _, name = (method or "").partition(".")
    users, documents = (
        type(kind.__name__, (kind,), {name: fault} if owner == kind.__name__ else {})()
        for kind in (Shoppers, Shop)
    )
    return recsim_tf.Simulator(users, documents, slate_size, N, **arguments)


def always(result):
    """A method that returns the same whatever it is given."""
    return lambda *arguments: result


def logit(scores_of):
    """A choice by the scores `scores_of(state, slate)`."""
    return lambda self, state, slate: self.choice_model(scores_of(state, slate))


FAULTS = {
    "initial draws of another batch": (
        "Shoppers.initial_draws",
        always(tfd.Uniform(tf.zeros([3]), 1.0)),
        r"must return a distribution of batch shape \[users=5\], got \[3\]",
    ),
    "initial draws that are a tensor": (
        "Shoppers.initial_draws",
        always(tf.zeros([B])),
        r"must return a distribution of TensorFlow Probability, got float32 \[5\]",
    ),
    "a state without the users' axis": (
        "Shoppers.initial_state",
        lambda self, draws: State(draws, tf.constant(1.0)),
        r"must return patience of shape \[users=5, \.\.\.\], got \[\]",
    ),
    "a state without tensors": (
        "Shoppers.initial_state",
        always(()),
        r"must return at least one tensor, got \(\)",
    ),
    "a state that holds a number": (
        "Shoppers.initial_state",
        lambda self, draws: State(draws, 1.0),
        r"must return patience as a tensor, got 1\.0",
    ),
    "scores of shape [B]": (
        "Shoppers.response",
        logit(lambda state, slate: state.taste),
        r"must return a distribution of batch shape \[users=5\], got \[\]",
    ),
    "NaN scores": (
        "Shoppers.response",
        logit(lambda state, slate: slate.documents * np.nan),
        r": .*: scores must be finite",
    ),
    "NaN logits": (
        "Shoppers.response",
        always(tfd.Categorical(logits=tf.fill([B, 3], np.nan))),
        r"must return a distribution with a finite log-probability of each draw, got nan for NaN in"
        r" its logits",
    ),
    "a rating that may be exactly one": (
        "Shoppers.response",
        always(tfd.Beta(tf.fill([B], 50.0), 0.05)),
        r"must return a distribution with a finite log-probability of each draw, got -?inf for the"
        r" draw 1\.0",
    ),
    "a choice that ignores the mask": (
        "Shoppers.response",
        logit(lambda state, slate: slate.documents),
        r"Shoppers\.response and Shoppers\.outcome must not click an empty position, where"
        r" slate\.mask is False, got clicked 1\.0",
    ),
    "random numbers in the scores": (
        "Shoppers.response",
        lambda self, state, slate: tfd.Normal(tf.random.normal([B]), 1.0),
        r"must return the same for the same arguments",
    ),
    "clicked of shape [B]": (
        "Shoppers.outcome",
        lambda self, state, slate, draw: Response(tf.cast(draw, tf.float32), slate.documents),
        r"must return clicked of float \[users=5, positions=2\], got float32 \[5\]",
    ),
    "a response without clicked": (
        "Shoppers.outcome",
        lambda self, state, slate, draw: {"clicks": tf.one_hot(draw, K)},
        r"must return a NamedTuple with a field clicked, got dict",
    ),
    "an update of another dtype": (
        "Shoppers.update",
        lambda self, state, *others: state._replace(patience=tf.cast(state.patience, tf.float64)),
        r"must return patience of float32 \[5\], as initial_state does, got float64 \[5\]",
    ),
    "an update to NaN": (
        "Shoppers.update",
        lambda self, state, *others: state._replace(patience=tf.math.log(-state.patience)),
        r"must return patience of finite numbers, got nan",
    ),
    "an update of one user to NaN": (
        "Shoppers.update",
        lambda self, state, *others: state._replace(
            patience=tf.concat([[float("nan")], state.patience[1:]], axis=0)
        ),
        r"must return patience of finite numbers, got nan",
    ),
    "an exception in the update": (
        "Shoppers.update",
        lambda self, state, *others: {}["taste"],
        r": tests/core/checks/test_faults\.py, line \d+: KeyError: 'taste'",
    ),
    "shapes that do not go together": (
        "Shoppers.update",
        lambda self, state, *others: state._replace(taste=state.taste + tf.zeros([4])),
        r": tests/core/checks/test_faults\.py, line \d+: Incompatible shapes: \[5\] vs\. \[4\]",
    ),
    "a departure of numbers": (
        "Shoppers.departure",
        lambda self, state: state.patience,
        r"must return a tensor of bool \[users=5\], got float32 \[5\]",
    ),
    "a departure that is drawn from others than 0 and 1": (
        "Shoppers.departure",
        lambda self, state: tfd.Normal(state.patience, 1.0),
        r"must return a distribution over 0 and 1, got the draw -?\d",
    ),
    "two departures of each user": (
        "Shoppers.departure",
        always(tfd.Independent(tfd.Bernoulli(tf.zeros([B, 2])), 1)),
        r"must draw one number for each user, got int32 \[5, 2\]",
    ),
    "a discount above one": (
        "Shoppers.discount",
        lambda self, state, next_state: 1.5 * tf.ones_like(state.patience),
        r"must return discounts in \[0, 1\], got 1\.5",
    ),
    "a discount of one user above one": (
        "Shoppers.discount",
        lambda self, state, next_state: tf.concat([[1.5], tf.ones([B - 1])], axis=0),
        r"must return discounts in \[0, 1\], got 1\.5",
    ),
    "a discount below zero": (
        "Shoppers.discount",
        lambda self, state, next_state: -0.5 * tf.ones_like(state.patience),
        r"must return discounts in \[0, 1\], got -0\.5",
    ),
    "an observation without the users' axis": (
        "Shoppers.observe",
        lambda self, state: tf.reduce_mean(state.taste),
        r"must return a tensor of shape \[users=5, \.\.\.\], got \[\]",
    ),
    "an observation outside its bounds": (
        "Shoppers.observe",
        lambda self, state: 1 + state.taste,
        r"must return values in \[0\.0, 1\.0\], as Shoppers\.observation_bounds declares, got 1\.",
    ),
    "bounds of another structure": (
        "Shoppers.observation_bounds",
        always({"taste": Bounds(0.0, 1.0)}),
        ": bounds must have the structure of the specs",
    ),
    "another draw than what was seen": (
        "Shoppers.recorded_draw",
        lambda self, slate, seen: tf.zeros([B], tf.int32),
        r"must make the observed response as probable as the draw, -\d+\.\d+, got -\d+\.\d+",
    ),
    "what was seen is less probable than the draw": (
        "Shoppers.likelihood",
        lambda self, state, slate, seen: tf.fill([B], -9.0),
        r"must make the observed response as probable as the draw, -\d+\.\d+, got -9\.0000",
    ),
    "a response outside its bounds": (
        "Shoppers.response_bounds",
        always(Response(Bounds(0.0, 1.0), Bounds(1.0, 5.0))),
        r"Shoppers\.observe_response must return rating in \[1\.0, 5\.0\], as"
        r" Shoppers\.response_bounds declares, got 0\.0",
    ),
    "a reward for each position": (
        "reward_fn",
        lambda response: response.clicked,
        r"must return a tensor of float \[users=5\], got float32 \[5, 2\]",
    ),
    "a reward that is no number": (
        "reward_fn",
        lambda response: tf.math.log(response.clicked[:, 0] - 1),
        r"must return finite rewards, got -?(nan|inf)",
    ),
    "a wrong number of candidates": (
        "Shop.candidates",
        always(tfd.Independent(tfd.Uniform(tf.zeros([B, 4]), 1.0), 1)),
        r"must draw a tensor of shape \[users=5, candidates=6, \.\.\.\], got \[5, 4\]",
    ),
    "candidates that are not one event": (
        "Shop.candidates",
        always(tfd.Uniform(tf.zeros([B, N]), 1.0)),
        r"must return a distribution of batch shape \[users=5\], got \[5, 6\]: wrap it in"
        r" tfd\.Independent",
    ),
    "a corpus that changes its structure": (
        "Shop.update",
        lambda self, corpus, slate, response, innovation: corpus["stock"],
        r"must return a dict of 'stock', as initial_state does, got float32 \[5\]",
    ),
}


@pytest.mark.parametrize(("method", "fault", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_one_line_that_names_the_method(method, fault, message):
    simulator = simulator_with(method, fault)
    start = r"" if message.startswith(r"Shoppers\.") else rf"{re.escape(method)}(: | )"
    with pytest.raises(ValueError, match=rf"^{start}{message.removeprefix(': ')}") as error:
        recsim_tf.check(simulator)
    assert "\n" not in str(error.value)
    assert ", got " in str(error.value) or error.value.__cause__ is not None


@pytest.mark.parametrize(
    "arguments",
    [
        {"slate_size": 1, "max_steps": 1},
        {"slate_size": 5, "resample_documents": False, "num_users": 3, "validate": True},
    ],
)
def test_sound_models_pass(arguments):
    recsim_tf.check(simulator_with(**arguments))


class Songs(recsim_tf.DocumentModel):
    """Songs of three kinds, each of a tempo."""

    num_kinds = 3

    def candidates(self, num_users, num_candidates, corpus, user):
        logits = tf.zeros([num_users, num_candidates, 3])
        return tfd.Independent(tfd.Categorical(logits), 1)

    def describe(self, draw, corpus):
        return tf.gather([0.1, 0.5, 0.9], draw)

    def observe(self, documents):
        return documents


def test_documents_of_kinds_pass():
    recsim_tf.check(recsim_tf.Simulator(Shoppers(), Songs(), K, N))


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"num_kinds": 2}, r"candidates must draw kinds, int32 in \[0, num_kinds=2\), got 2"),
        (
            {"candidates": always(tfd.Independent(tfd.Uniform(tf.zeros([B, N]), 1.0), 1))},
            r"candidates must draw kinds, int32 in \[0, num_kinds=3\), got float32 \[5, 6\]",
        ),
        (
            {"describe": lambda self, draw, corpus: tf.cast(draw + tf.range(draw.shape[1]), float)},
            "observe must depend on the kinds of documents alone, which num_kinds says, got",
        ),
        (
            {
                "initial_state": lambda self, draws, num_corpora: {"tempo": tf.ones([num_corpora])},
                "describe": lambda self, draw, corpus: tf.cast(draw, float) + corpus["tempo"][0],
            },
            r"describe\(kinds, \(\)\), as num_kinds asks: .*TypeError",
        ),
    ],
)
def test_documents_that_are_not_of_the_kinds_that_they_name_are_refused(replaced, message):
    documents = type("Songs", (Songs,), replaced)()
    with pytest.raises(ValueError, match=rf"^Songs\.{message}"):
        recsim_tf.check(recsim_tf.Simulator(Shoppers(), documents, K, N))


@pytest.mark.parametrize("world", [clicks, latents, purchases, shared])
def test_worlds_of_tests_pass(world):
    recsim_tf.check(world(dtype=tf.float32))


class Forgetful(Shoppers):
    """Users whose update depends on how often somebody was asked to leave."""

    def departure(self, state):
        self.num_departures = getattr(self, "num_departures", 0) + 1
        return state.patience < 0

    def update(self, state, slate, response, innovation):
        return state._replace(patience=0 * state.patience + getattr(self, "num_departures", 0))


def test_what_a_model_keeps_between_calls_is_found_by_a_replay():
    with pytest.raises(ValueError, match="replay must reproduce the user of every step"):
        recsim_tf.check(recsim_tf.Simulator(Forgetful(), Shop(), K, N))


class Excited(Shoppers):
    """Users of whom a number grows until float32 has no larger one, in the fourth step."""

    def update(self, state, slate, response, innovation):
        return state._replace(patience=1e10 * tf.ones_like(state.patience) * state.patience)


def test_a_fault_that_shows_after_many_steps_is_found():
    with pytest.raises(ValueError, match="state/user/patience of sessions must be finite, got inf"):
        recsim_tf.check(recsim_tf.Simulator(Excited(), Shop(), K, N))


class Latecomers(Shoppers):
    """Users who are as they should be while there are few of them."""

    def initial_state(self, draws):
        return State(draws, tf.where(tf.range(len(draws)) < 20, 1.0, np.nan))


def test_a_fault_that_shows_for_many_users_is_found():
    with pytest.raises(ValueError, match="state/user/patience of sessions must be finite, got nan"):
        recsim_tf.check(recsim_tf.Simulator(Latecomers(), Shop(), K, N))


def test_only_simulators_are_checked():
    with pytest.raises(ValueError, match="simulator must be a Simulator, got function"):
        recsim_tf.check(recsim_tf.interest_evolution)


def test_no_global_random_number_is_used_up():
    tf.random.set_seed(1)
    expected = tf.random.uniform([3])
    tf.random.set_seed(1)
    state = np.random.get_state()[1].copy()
    recsim_tf.check(simulator_with())
    np.testing.assert_array_equal(tf.random.uniform([3]), expected)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_a_reward_that_reads_the_user_is_checked():
    simulator = simulator_with("reward_fn", lambda response, user: user.taste)
    recsim_tf.check(simulator)
    simulator = simulator_with("reward_fn", lambda response, user: user.tastes)
    with pytest.raises(ValueError, match=r"^reward_fn: .*: AttributeError: .* 'tastes'"):
        recsim_tf.check(simulator)


class Misspelled(Shoppers):
    """Users whose departure nobody asks for."""

    def depature(self, state):
        return tf.ones([len(state.taste)], tf.bool)

    def response(self, state, slate):
        return super().response(state, slate)

    def responses(self):
        """Named after the method beside it."""


def test_a_method_that_is_nearly_named_like_a_known_one_is_warned_of():
    with pytest.warns(ModelWarning) as warned:
        recsim_tf.check(recsim_tf.Simulator(Misspelled(), Shop(), K, N))
    assert [str(each.message) for each in warned] == [
        "Misspelled.depature is no method of UserModel, so it is never called; did you mean"
        " departure?",
    ]
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    ("slate", "message"),
    [
        ([0, 6], "slate must hold candidate positions in [0, 6), or -1 for an empty position"),
        ([-2, 0], "slate must hold candidate positions in [0, 6), or -1 for an empty position"),
        ([5, 5], "slate must not show a document twice (allow_duplicates=False)"),
    ],
)
def test_a_slate_of_a_policy_that_cannot_be_shown_is_one_line(slate, message):
    def window(observation, policy_state, seed):
        return tf.where(policy_state < 2, tf.constant([0, 1]), slate), policy_state + 1

    window.initial_state = lambda num_users: tf.zeros([num_users, 1], tf.int32)
    got = next(position for position in slate if not 0 <= position < 5)
    with pytest.raises(ValueError, match=r"^policy window: ") as error:
        recsim_tf.check(simulator_with(), window)
    assert str(error.value).endswith(f"{message}, got {got} for user 0")


def test_a_policy_whose_slates_can_be_shown_passes():
    recsim_tf.check(
        simulator_with(), lambda observation, policy_state, seed: (tf.tile([[1, -1]], [61, 1]), ())
    )
