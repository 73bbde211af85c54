# SPDX-License-Identifier: Apache-2.0
"""Queries, and which turns are refused."""

import re

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.conversations import Act, ConversationUsers, Items, query
from recsim_tf.conversations.acts import ADMITTED, query_spec
from tests.refusals import assert_refused

NUM_USERS = 4
FULL, EMPTY, ONE, SECOND = [0, 1, 2], [-1, -1, -1], [0, -1, -1], [-1, 1, 2]


def test_a_query_is_padded_to_the_format_of_the_environment():
    found = query(Act.CHIPS, [2, tf.constant([0, 1])], num_users=2)
    np.testing.assert_array_equal(found.act, [5, 5])
    np.testing.assert_array_equal(found.attributes, [[2, 0, -1], [2, 1, -1]])
    different = query(tf.constant([1, 4]), [0], num_chips=1)
    np.testing.assert_array_equal(different.act, [1, 4])
    np.testing.assert_array_equal(different.attributes, [[0], [0]])


def test_the_spec_has_the_ranges_of_acts_and_attributes():
    spec = query_spec(num_attributes=7, num_chips=2)
    assert (spec.act.minimum, spec.act.maximum) == (0, 6)
    assert (spec.attributes.minimum, spec.attributes.maximum) == (-1, 6)
    assert spec.attributes.shape == [2]


@pytest.fixture(scope="module")
def session():
    """A simulator that validates, and the start of a session."""
    users = ConversationUsers(2, num_attributes=2)
    simulator = recsim_tf.make(
        "Conversation-v0", users=users, documents=Items(4, 2), num_candidates=4, validate=True
    )
    return simulator, simulator.reset(NUM_USERS, seed=0)


def step(session, slate, act, attributes):
    simulator, state = session
    turn = recsim_tf.Turn(tf.constant([slate] * NUM_USERS), query(act, attributes, 3, NUM_USERS))
    return simulator.step(state, turn, seed=1)


@pytest.mark.parametrize(
    ("slate", "act", "attributes"),
    [
        (EMPTY, Act.SILENT, []),
        (ONE, Act.RECOMMEND, []),
        (ONE, Act.ENDORSE, [1]),
        ([2, 3, -1], Act.COMPARE, []),
        (EMPTY, Act.ASK, [0]),
        (ONE, Act.ASK, []),
        (EMPTY, Act.CHIPS, [-1, 1]),
        (ONE, Act.CHIPS, []),
    ],
)
def test_what_an_act_needs_is_enough(session, slate, act, attributes):
    _, transition = step(session, slate, act, attributes)
    np.testing.assert_array_equal(transition.response.act, [act] * NUM_USERS)


@pytest.mark.parametrize(
    ("slate", "act", "attributes", "message"),
    [
        (FULL, tf.fill([NUM_USERS], 7), [], r"query.act must be in \[0, 6\]"),
        (FULL, Act.ASK, [2], r"query.attributes must be in \[-1, 1\]"),
        (EMPTY, Act.RECOMMEND, [], "RECOMMEND and ENDORSE must have an item at position 0"),
        (SECOND, Act.ENDORSE, [0], "RECOMMEND and ENDORSE must have an item at position 0"),
        (ONE, Act.COMPARE, [], "COMPARE must have at least two items to compare"),
        (EMPTY, Act.ASK, [-1, 0], "ASK must have an attribute or an item at position 0 to ask"),
        (EMPTY, Act.CHIPS, [], "CHIPS must have an attribute or an item at position 0"),
    ],
)
def test_a_turn_without_what_its_act_needs_is_one_line(session, slate, act, attributes, message):
    assert_refused(lambda: step(session, slate, act, attributes), message)


@pytest.mark.parametrize(
    ("admitted", "got"),
    [
        ({**ADMITTED, 7: (1,)}, "{7}"),
        ({**ADMITTED, Act.ASK: (9, 2)}, "{9}"),
        ({Act.RECOMMEND: (1,)}, "{"),
    ],
)
def test_acts_and_modes_of_ones_own_are_refused(admitted, got):
    users = type("Users", (ConversationUsers,), {"admitted": admitted})
    message = (
        "admitted must have each Act, 0 to 6, with values of Mode, 0 to 8, and no others, got "
    )
    assert_refused(users, re.escape(message + got))
    assert_refused(lambda: query(7, num_users=1), r"act must be an Act, in \[0, 6\], got 7")


def test_users_have_a_logit_for_each_mode():
    class Talkers(ConversationUsers):
        def mode_logits(self, state, slate):
            logits = super().mode_logits(state, slate)
            return tf.concat([logits, logits[:, :1]], axis=-1)

    with pytest.raises(ValueError, match=r"mode_logits must be \[users, 9\], one for each"):
        recsim_tf.make("Conversation-v0", users=Talkers()).reset(2, seed=0)
