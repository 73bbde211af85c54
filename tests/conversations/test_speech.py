# SPDX-License-Identifier: Apache-2.0
import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import conversations, fitting, logs
from recsim_tf.belief import GaussianBelief
from recsim_tf.conversations import ConversationUsers, conversation_grammar
from recsim_tf.conversations.acts import alphabet
from recsim_tf.conversations.parts import Patience
from recsim_tf.conversations.types import UNKNOWN, Reply, ReplyDraw
from recsim_tf.fitting.methods.exact import Exact
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.policies import random_policy

NAMES = ("funny", "dark", "slow", "long", "old")


def speakers(slip=0.02, patience=6.0, **changes):
    users = ConversationUsers(
        channel=conversation_grammar(3, NAMES, slip=slip),
        attribute_names=NAMES,
        patience=Patience(patience),
        **changes,
    )
    return recsim_tf.conversation(users, max_steps=4)


def trajectories(simulator, seed=1):
    """A rollout, and the same as a log has it that does not know the replies."""
    played = simulator.rollout(random_policy(simulator), 40, 4, seed=seed)
    draws = played.transitions.draws
    unknown = tf.fill(played.transitions.active.shape, UNKNOWN)
    response = draws.response._replace(reply=Reply(unknown, unknown))
    hidden = played.transitions._replace(draws=draws._replace(response=response))
    return played, played._replace(transitions=hidden)


@functools.cache
def spoken(slip=0.3, **changes):
    """A simulator and its trajectories, which several tests share."""
    simulator = speakers(slip, **changes)
    return simulator, *trajectories(simulator)


@pytest.mark.slow
def test_replies_in_words_are_as_probable_as_the_reply_and_then_the_words():
    simulator, played, _ = spoken()
    silent = dataclasses.replace(
        simulator, users=dataclasses.replace(simulator.users, channel=None)
    )
    said = played.transitions.draws.response
    reply = ReplyDraw(said.reply.symbol, tf.where(said.dwell > 0, said.dwell, 1))
    plain = played._replace(
        transitions=played.transitions._replace(
            draws=played.transitions.draws._replace(response=reply)
        )
    )
    evidence = simulator.users.channel.evidence(said.words)
    of_words = tf.gather(evidence, said.reply.symbol, batch_dims=2)
    active = tf.cast(played.transitions.active, tf.float32)
    expected = silent.log_prob(plain).user + tf.reduce_sum(of_words * active, axis=0)
    np.testing.assert_allclose(simulator.log_prob(played).user, expected, rtol=1e-4)


@pytest.mark.slow
def test_what_a_log_does_not_know_is_summed_out():
    simulator, played, hidden = spoken()
    unknown, known = simulator.log_prob(hidden).user, simulator.log_prob(played).user
    assert (unknown.numpy() >= known.numpy() - 1e-4).all()
    assert (unknown.numpy() > known.numpy() + 1e-3).any()
    # By hand, of the first turn of each user.
    state = simulator.users.initial_state(played.initial.user)
    slate = _first_slate(simulator, played)
    said = tf.nest.map_structure(lambda leaf: leaf[0], hidden.transitions.draws.response)
    response = simulator.users.response(state, slate)
    unknown = tf.fill([40], UNKNOWN)
    every = [
        response.log_prob(said._replace(reply=Reply(unknown, tf.fill([40], symbol))))
        for symbol in range(31)
    ]
    modes = [
        response.log_prob(said._replace(reply=Reply(tf.fill([40], int(mode)), unknown)))
        for mode in conversations.Mode
    ]
    for parts in (every, modes):
        total = tf.reduce_logsumexp(tf.stack(parts), axis=0)
        np.testing.assert_allclose(response.log_prob(said), total, rtol=1e-4)


def _first_slate(simulator, played):
    transition = tf.nest.map_structure(lambda leaf: leaf[0], played.transitions)
    ids = tf.gather(played.initial.candidates, tf.maximum(transition.slate, 0), batch_dims=1)
    documents = simulator.documents.describe(ids, ())
    return recsim_tf.Slate(documents, transition.slate >= 0, transition.query)


def test_words_depend_on_users_through_the_symbol_alone():
    """Shuffled users, with the symbols left in their places, say the same with the same noise, and
    the law of their words is the same.
    """
    simulator, played, _ = spoken()
    users, slate = simulator.users, _first_slate(simulator, played)
    state = users.initial_state(played.initial.user)
    shuffled = tf.nest.map_structure(lambda leaf: leaf[::-1], state)
    # Each reply but a choice, whose dwell time tells more of the user.
    symbol = 5 + tf.range(40) % 26
    given = []
    for each in (state, shuffled):
        response = users.response(each, slate)
        said = response._spoken(symbol, [40], tf.constant([1, 2]))
        other = said._replace(words=tf.zeros_like(said.words))
        given.append((said.words, response.log_prob(said) - response.log_prob(other)))
    (words, law), (other_words, other_law) = given
    np.testing.assert_array_equal(words, other_words)
    possible = np.isfinite(law) & np.isfinite(other_law)
    assert possible.sum() > 10
    np.testing.assert_allclose(law[possible], other_law[possible], atol=1e-4)


@pytest.mark.slow
def test_agents_that_hear_words_alone_see_no_reply():
    simulator = speakers(are_replies_observed=False)
    observation = simulator.observe(simulator.reset(3, seed=0))
    seen = observation.response
    assert (seen.clicked, seen.accepted, seen.dwell, seen.symbol) == ((), (), (), ())
    assert seen.words.shape == (3, simulator.users.channel.max_length)
    recsim_tf.check(simulator)


def test_evidence_is_heard_once_and_is_the_likelihood_of_the_words():
    simulator, played, _ = spoken(are_replies_observed=False)
    users = simulator.users
    state, slate = users.initial_state(played.initial.user), _first_slate(simulator, played)
    response = tf.nest.map_structure(lambda leaf: leaf[0], played.transitions.response)
    seen = users.observe_response(response)
    heard = users.likelihood(state, slate, users.evidence(seen))
    np.testing.assert_allclose(heard, users.likelihood(state, slate, seen), rtol=1e-5)
    alternatives = users.alternatives(state, slate)
    expected = alternatives.log_likelihood(users.channel.evidence(seen.words))
    np.testing.assert_allclose(heard, expected, rtol=1e-5)


@pytest.mark.slow
def test_a_belief_learns_from_words_almost_what_it_learns_from_clear_replies():
    gains = {}
    for observed in (True, False):
        simulator = speakers(slip=0.0, are_replies_observed=observed, patience=1e3)
        belief = GaussianBelief(simulator.users)
        played, _ = trajectories(simulator)
        state = simulator.users.initial_state(played.initial.user)
        response = tf.nest.map_structure(lambda leaf: leaf[0], played.transitions.response)
        posterior = belief.update(
            belief.initial_state(40),
            _first_slate(simulator, played),
            simulator.users.observe_response(response),
        )
        mean, _ = belief.moments(posterior)
        gains[observed] = float(tf.reduce_mean(tf.reduce_sum(mean[:, :10] * state.taste, axis=1)))
    assert gains[False] > 0.3 * gains[True] > 0


@pytest.mark.long
def test_parameters_are_found_from_words_alone():
    simulator = speakers(patience=1e3, leaves_satisfied=False)
    log = logs.simulated_log(simulator, num_sessions=600, num_steps=4, seed=3)
    unknown = np.full_like(log.response.reply.symbol, UNKNOWN)
    log = log._replace(response=log.response._replace(reply=Reply(unknown, unknown)))
    truth = {"users.answers.sharpness": 3.0, "users.critiques.logit": -1.0}
    parameters = {name: fitting.Parameter(start=0.5) for name in truth}
    result = fitting.fit(simulator, parameters, log)
    for name, value in truth.items():
        estimate = result.estimates[name]
        assert abs(estimate.value - value) < 3 * estimate.standard_error


def test_sessions_print_sentences():
    simulator, played, _ = spoken()
    response = tf.nest.map_structure(lambda leaf: leaf[0, 0].numpy(), played.transitions.response)
    words = simulator.users.channel.vocabulary.ids("more dark please").numpy()
    symbol = int(alphabet(3, 5).symbol(conversations.Mode.CRITIQUE, 1))
    response = response._replace(words=words, symbol=np.int32(symbol))
    said = simulator.users.wording().response(response, [None] * 3, ())
    assert said == 'says: "more dark please" (wants 1, but more dark)'


@pytest.mark.slow
def test_a_fit_hears_the_words_of_a_log_once_unless_the_channel_is_fitted():
    simulator, played, _ = spoken()
    log = logs.from_trajectory(played)
    for name, heard in (("users.ratings.logit", True), ("users.channel.word_logits", False)):
        fitted = FittedSimulator(simulator, {name: fitting.Parameter()})
        likelihood = Exact(search=fitting.LBFGS(batch_size=40)).objective(fitted, log)
        (batch,) = likelihood.batches()
        assert batch.trajectory.transitions.draws.response.words.dtype.is_floating == heard
        np.testing.assert_allclose(
            likelihood.by_session(), fitting.session_log_prob(simulator, log), rtol=1e-5
        )
