# SPDX-License-Identifier: Apache-2.0
"""Users, items and turns that the tests of conversations share."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.conversations import Act, ConversationUsers, DialogueUsers
from recsim_tf.conversations.dialogues import Offers
from recsim_tf.conversations.types import Item, Query, UserState
from recsim_tf.core.base.types import Slate
from tests.conversations import reference

F, A, S, K, C = 3, 2, 2, 3, 2
# Every act meets each of these, where an act allows it.
ATTRIBUTES = ([-1, -1], [0, -1], [1, 0])
MASKS = ([True, True, True], [True, False, False], [False, False, False], [True, False, True])
CASES = list(itertools.product(Act, ATTRIBUTES, MASKS))


def users(parameters: Mapping[str, Any] | None = None, **fields) -> ConversationUsers:
    """Users of odd numbers, so that none is taken for another."""
    odd = {"trust.endorsement": 0.7, "critiques.logit": -0.4, "refinements.logit": -0.6}
    made = ConversationUsers(F, **({"num_attributes": A, "num_senses": S} | fields))
    return made.with_parameters(odd | dict(parameters or {}))


def dialogue_users() -> DialogueUsers:
    """Users of dialogues, of odd numbers."""
    return DialogueUsers(
        F,
        num_attributes=A,
        num_senses=S,
        inquiring=-0.8,
        requesting=-1.2,
        remarking=-1.5,
        act_effects=np.random.default_rng(4).normal(size=[7, 9]).astype("f"),
    )


def states(num_users: int, seed: int = 0) -> UserState:
    """States of different users."""
    rng = np.random.default_rng(seed)
    return UserState(
        taste=tf.constant(rng.normal(size=[num_users, F]), tf.float32),
        senses=tf.constant(rng.integers(S, size=[num_users, A]), tf.int32),
        talkativeness=tf.constant(rng.normal(size=num_users), tf.float32),
        trust=tf.constant(rng.uniform(0, 2, num_users), tf.float32),
        patience=tf.constant(rng.uniform(2, 6, num_users), tf.float32),
        refinements=tf.zeros([num_users, A]),
        last_act=tf.zeros([num_users], tf.int32),
        accepted=tf.zeros([num_users], tf.bool),
        offers=Offers(tf.zeros([num_users], tf.int32), tf.fill([num_users], -1)),
    )


def items(num_users: int, seed: int = 1) -> Item:
    """Different items [B, K]."""
    rng = np.random.default_rng(seed)
    return Item(
        item_id=tf.constant(rng.integers(50, size=[num_users, K]), tf.int32),
        bias=tf.constant(rng.normal(size=[num_users, K]) / 2, tf.float32),
        factors=tf.constant(rng.normal(size=[num_users, K, F]) / 2, tf.float32),
    )


def slates(act, attributes=(-1, -1), mask=(True, True, True)) -> Slate:
    """Slates [B, K]: an act [B], with attributes and masks for each or for all."""
    num_users = len(act)
    return Slate(
        items(num_users),
        tf.constant(np.broadcast_to(mask, [num_users, K])),
        Query(
            tf.constant(act, tf.int32),
            tf.constant(np.broadcast_to(attributes, [num_users, C]), tf.int32),
        ),
    )


def all_turns() -> Slate:
    """The turns of `CASES`."""
    act, attributes, mask = zip(*CASES, strict=True)
    return slates(act, attributes, mask)


def person(state: UserState, user: int) -> reference.Person:
    """One user, for the reference."""
    return reference.Person(
        *(leaf[user].numpy().astype("d") for leaf in state[:1]),
        state.senses[user].numpy(),
        float(state.talkativeness[user]),
        float(state.trust[user]),
    )


def shown_items(slate: Slate, user: int) -> list:
    """What a user is shown, for the reference."""
    _, bias, factors = (leaf[user].numpy().astype("d") for leaf in slate.documents)
    shown = zip(bias, factors, slate.mask[user], strict=True)
    return [reference.Item(*item) if is_shown else None for *item, is_shown in shown]
