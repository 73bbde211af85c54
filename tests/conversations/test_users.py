# SPDX-License-Identifier: Apache-2.0
"""How users reply, against NumPy, and what follows."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.conversations import Act, ConversationUsers, Mode, acts
from recsim_tf.conversations.types import ReplyDraw, UserState
from recsim_tf.core import random
from tests.conversations import turns
from tests.conversations.reference import ADMITTED, reply_probs, sigmoid
from tests.conversations.turns import A, K

USERS = turns.users()
ALPHABET = acts.alphabet(K, A)
OFFERS = (Act.RECOMMEND, Act.ENDORSE, Act.CHIPS)


def every_reply():
    """Every symbol under every act, whether the act admits it or not."""
    num_symbols = ALPHABET.num_symbols
    act = np.repeat(list(Act), num_symbols)
    symbol = tf.tile(tf.range(num_symbols), [len(Act)])
    draw = ReplyDraw(symbol, tf.linspace(2.0, 30.0, len(act)))
    return turns.states(len(act)), turns.slates(act, [1, 0]), draw


@pytest.mark.parametrize("kind", ["users", "users of dialogues"])
def test_replies_have_the_probabilities_of_the_formulas_under_every_act(kind):
    slate = turns.all_turns()
    users = turns.dialogue_users() if kind == "users of dialogues" else USERS
    state = turns.states(len(turns.CASES))
    log_probs = users.alternatives(state, slate).log_probs
    np.testing.assert_allclose(tf.reduce_logsumexp(log_probs, axis=-1), 0, atol=1e-5)
    for user, (act, attributes, _) in enumerate(turns.CASES):
        shown = turns.shown_items(slate, user)
        expected = reply_probs(users, turns.person(state, user), act, attributes, shown)
        np.testing.assert_allclose(np.exp(log_probs[user]), expected, atol=1e-5)


@pytest.mark.parametrize("act", Act)
def test_an_act_admits_its_modes_and_no_other(act):
    state, slate = turns.states(2), turns.slates([act] * 2, [0, -1])
    possible = USERS.alternatives(state, slate).log_probs > -np.inf
    mode, _ = ALPHABET.split(tf.range(ALPHABET.num_symbols))
    admitted = np.array(ADMITTED[act], bool)[mode]
    admitted[ALPHABET.symbol(Mode.CHOOSE, K)] &= act != Act.COMPARE
    np.testing.assert_array_equal(possible, np.tile(admitted, [2, 1]))


@pytest.mark.parametrize("act", [Act.SILENT, Act.RESPOND])
def test_users_who_always_reply_do_not_reply_where_no_reply_is_possible(act):
    ignoring, refining = tf.Variable(-np.inf), tf.Variable(-np.inf)
    users = turns.users({"refinements.logit": refining}, ignoring=ignoring)
    with tf.GradientTape() as tape:
        replies = users.alternatives(turns.states(2), turns.slates([act] * 2, [0, -1]))
        log_prob = replies.log_prob(tf.zeros([2], tf.int32))
    np.testing.assert_array_equal(replies.sample(seed=0), [0, 0])
    np.testing.assert_array_equal(log_prob, [0, 0])
    for gradient in tape.gradient(log_prob, [ignoring, refining]):
        np.testing.assert_array_equal(gradient, 0)


def test_users_mean_different_things_by_a_soft_attribute():
    # The senses of the first attribute oppose each other, those of the second are equal.
    directions = np.float32([[[1, 0, 0], [-1, 0, 0]], [[0, 1, 0], [0, 1, 0]]])
    users = turns.users(directions=directions)
    state = turns.states(2)._replace(
        taste=tf.tile([[1.0, 1.0, 0.5]], [2, 1]), senses=tf.constant([[0, 0], [1, 1]])
    )
    empty = [False] * K
    log_probs = [
        users.alternatives(state, turns.slates([Act.ASK] * 2, [attribute, -1], empty)).log_probs
        for attribute in range(A)
    ]
    no, yes = (ALPHABET.symbol(Mode.ANSWER, answer) for answer in (0, 1))
    soft, observed = (each.numpy()[:, [no, yes]] for each in log_probs)
    np.testing.assert_allclose(soft[0], soft[1, ::-1], rtol=1e-5)
    assert soft[0, 1] > soft[0, 0] + 1
    np.testing.assert_allclose(observed[0], observed[1], rtol=1e-6)


def test_the_draw_is_found_in_what_is_seen_and_as_probable():
    state, slate, draw = every_reply()
    response = USERS.outcome(state, slate, draw)
    seen = USERS.observe_response(response)
    assert seen.utility == ()
    found = USERS.recorded_draw(slate, seen)
    np.testing.assert_array_equal(found.symbol, draw.symbol)
    chosen = np.any(response.clicked, axis=1)
    np.testing.assert_allclose(found.dwell[chosen], draw.dwell[chosen], rtol=1e-6)
    likelihood = USERS.likelihood(state, slate, seen)
    np.testing.assert_allclose(likelihood, USERS.response(state, slate).log_prob(draw), rtol=1e-5)
    # Only the dwell time on what is chosen is scored.
    of_dwell = likelihood - USERS.alternatives(state, slate).log_prob(draw.symbol)
    possible = np.isfinite(likelihood)
    np.testing.assert_allclose(of_dwell[possible & ~chosen], 0, atol=1e-6)
    utility = np.sum(response.clicked * response.utility, axis=1)
    seconds = draw.dwell.numpy()
    deviation = (np.log(seconds) - 3.0 - 0.5 * utility) / 0.5
    expected = -(deviation**2) / 2 - np.log(0.5 * np.sqrt(2 * np.pi) * seconds)
    rows = possible & chosen
    assert rows.sum() == 4 * K
    np.testing.assert_allclose(of_dwell[rows], expected[rows], rtol=1e-3, atol=1e-4)


def test_a_response_says_what_was_shown_chosen_and_accepted():
    state, slate, draw = every_reply()
    response = USERS.outcome(state, slate, draw)
    mode, value = (each.numpy()[:, np.newaxis] for each in ALPHABET.split(draw.symbol))
    act = slate.query.act.numpy()
    clicked = (np.arange(K) == value) & (mode == Mode.CHOOSE)
    np.testing.assert_array_equal(response.clicked, clicked)
    np.testing.assert_array_equal(response.accepted, clicked & np.isin(act, OFFERS)[:, np.newaxis])
    np.testing.assert_allclose(response.dwell, clicked * draw.dwell.numpy()[:, np.newaxis])
    np.testing.assert_array_equal(response.act, act)
    np.testing.assert_array_equal(response.attributes, slate.query.attributes)
    np.testing.assert_array_equal(response.item_id, slate.documents.item_id)
    taste, (_, bias, factors) = state.taste.numpy(), slate.documents
    expected = bias + np.einsum("bkf,bf->bk", factors, taste)
    np.testing.assert_allclose(response.utility, expected, rtol=1e-5, atol=1e-6)
    empty = turns.slates([Act.RECOMMEND], mask=[True, False, False])
    response = USERS.outcome(turns.states(1), empty, ReplyDraw(tf.constant([0]), tf.ones([1])))
    np.testing.assert_array_equal(response.item_id[0, 1:], [-1, -1])
    np.testing.assert_array_equal(response.utility[0, 1:], [0, 0])


def updated(users: ConversationUsers, state: UserState, act, symbol, slate=None) -> UserState:
    slate = slate or turns.slates(act, [0, -1])
    draw = ReplyDraw(tf.constant(symbol), tf.ones([len(act)]))
    return users.update(state, slate, users.outcome(state, slate, draw), ())


def test_trust_follows_what_an_accepted_endorsement_was_worth():
    first, second, none = (int(ALPHABET.symbol(Mode.CHOOSE, k)) for k in (0, 1, K))
    act = [Act.ENDORSE] * 3 + [Act.RECOMMEND, Act.COMPARE]
    symbol = [first, second, none, first, first]
    state = turns.states(5)
    slate = turns.slates(act)
    worth = slate.documents.bias + np.einsum("bkf,bf->bk", slate.documents.factors, state.taste)
    expected = state.trust.numpy()
    expected[0] = max(expected[0] + 0.5 * (sigmoid(worth[0, 0].numpy()) - 0.5), 0)
    np.testing.assert_allclose(updated(USERS, state, act, symbol, slate).trust, expected, rtol=1e-6)
    # It does not become negative.
    dreadful = slate.documents._replace(bias=tf.fill([5, K], -20.0))
    wary = state._replace(trust=tf.fill([5], 0.1))
    after = updated(USERS, wary, act, symbol, slate._replace(documents=dreadful)).trust
    np.testing.assert_allclose(after, [0, 0.1, 0.1, 0.1, 0.1], rtol=1e-6)


def test_patience_falls_by_effort_and_by_a_question_after_a_question():
    last, act = zip(
        *[
            (Act.SILENT, Act.SILENT),
            (Act.SILENT, Act.ASK),
            (Act.ASK, Act.RECOMMEND),
            (Act.ASK, Act.COMPARE),
            (Act.COMPARE, Act.ASK),
            (Act.CHIPS, Act.ASK),
        ],
        strict=True,
    )
    state = turns.states(6)._replace(last_act=tf.constant(last, tf.int32))
    after = updated(USERS, state, act, [0] * 6)
    loss = np.float32([0, 1, 1, 1.5, 1.5, 1])
    np.testing.assert_allclose(state.patience - after.patience, loss, atol=1e-5)
    np.testing.assert_array_equal(after.last_act, act)
    by_act = turns.users(
        {"patience.effort": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7), "patience.annoyance": 2.0}
    )
    loss = np.float32([0.1, 0.5, 0.2, 2.4, 2.5, 0.5])
    np.testing.assert_allclose(
        state.patience - updated(by_act, state, act, [0] * 6).patience, loss, atol=1e-5
    )


def test_refinements_are_counted_and_acceptance_is_kept_for_a_turn():
    refine, choose = (int(ALPHABET.symbol(mode, 1)) for mode in (Mode.REFINE, Mode.CHOOSE))
    critique = int(ALPHABET.symbol(Mode.CRITIQUE, 1))
    act = [Act.CHIPS, Act.CHIPS, Act.RECOMMEND, Act.COMPARE]
    after = updated(USERS, turns.states(4), act, [refine, choose, critique, choose])
    np.testing.assert_array_equal(after.refinements, [[0, 1], [0, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(after.accepted, [False, True, False, False])
    after = updated(USERS, after, [Act.CHIPS] * 4, [refine, 0, 0, refine])
    np.testing.assert_array_equal(after.refinements, [[0, 2], [0, 0], [0, 0], [0, 1]])
    np.testing.assert_array_equal(after.accepted, [False] * 4)


def test_users_leave_out_of_patience_or_satisfied():
    state = turns.states(3)._replace(
        patience=tf.constant([2.0, -1.0, 2.0]), accepted=tf.constant([False, False, True])
    )
    hazard = sigmoid(-np.array([2.0, -1.0, 2.0]) / 0.5)
    users = turns.users({"patience.scale": 0.5})
    departure = users.departure(state)
    np.testing.assert_allclose(departure.probs_parameter(), [*hazard[:2], 1], rtol=1e-5)
    np.testing.assert_allclose(departure.log_prob(tf.constant([1, 1, 1]))[2], 0, atol=1e-6)
    stays = turns.users({"patience.scale": 0.5}, leaves_satisfied=False).departure(state)
    np.testing.assert_allclose(stays.probs_parameter(), hazard, rtol=1e-5)


def test_the_start_of_a_session():
    users = turns.users(taste_loc=(1.0, 0.0, -1.0), taste_scale=0.5, sense_probs=(0.25, 0.75))
    num_users = 4000
    draws = random.sample(users.initial_draws(num_users), random.as_seed(2))
    error = 4 / np.sqrt(num_users)
    np.testing.assert_allclose(np.mean(draws.taste, axis=0), [1, 0, -1], atol=0.5 * error)
    np.testing.assert_allclose(np.std(draws.taste, axis=0), [0.5] * 3, atol=0.5 * error)
    np.testing.assert_allclose(np.mean(draws.senses, axis=0), [0.75, 0.75], atol=0.5 * error)
    np.testing.assert_allclose(np.std(draws.talkativeness), 0.5, atol=0.5 * error)
    state = users.initial_state(draws)
    np.testing.assert_array_equal(state.patience, np.full(num_users, 6))
    np.testing.assert_array_equal(state.trust, np.ones(num_users))
    assert not np.any(state.refinements)
    assert not np.any(state.accepted)


def test_agents_see_tastes_only_where_they_may():
    state = turns.states(2)
    assert USERS.observe(state).taste.shape == [2, 0]
    knowing = turns.users(is_taste_observed=True).observe(state)
    np.testing.assert_array_equal(knowing.taste, state.taste)


def test_all_gradients_are_finite_for_every_act_also_where_nothing_is_chosen_or_shown():
    names = list(USERS.parameters())
    variables = [tf.Variable(USERS.parameters()[name], dtype=tf.float32) for name in names]
    users = USERS.with_parameters(dict(zip(names, variables, strict=True)))
    num_cases, num_symbols = len(turns.CASES), ALPHABET.num_symbols

    def repeated(nest):
        return tf.nest.map_structure(lambda leaf: tf.repeat(leaf, num_symbols, axis=0), nest)

    taste = tf.Variable(turns.states(num_cases).taste)
    # Not even somebody without a taste has a gradient that is not finite.
    taste[0].assign(tf.zeros([3]))
    slate = repeated(turns.all_turns())
    draw = ReplyDraw(
        tf.tile(tf.range(num_symbols), [num_cases]), tf.ones([num_cases * num_symbols])
    )
    with tf.GradientTape() as tape:
        state = turns.states(num_cases)._replace(
            taste=tf.convert_to_tensor(taste), last_act=tf.fill([num_cases], int(Act.ASK))
        )
        state = repeated(state)
        log_prob = users.response(state, slate).log_prob(draw)
        after = users.update(state, slate, users.outcome(state, slate, draw), ())
        staying = users.departure(after).log_prob(tf.zeros_like(draw.symbol))
        # What an act does not admit is -inf.
        possible = tf.where(tf.math.is_finite(log_prob), log_prob, 0)
        total = tf.reduce_sum(possible + staying + after.trust)
        initial = users.initial_draws(4)
        draws = tf.nest.map_structure(tf.stop_gradient, random.sample(initial, (0, 1)))
        first = users.initial_state(draws)
        total += tf.reduce_sum(initial.log_prob(draws) + first.trust + first.patience)
    gradients = tape.gradient(total, [taste, *variables])
    for name, gradient in zip(["taste", *names], gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient)
        assert np.isfinite(gradient).all(), name
        assert np.any(gradient), name
