# SPDX-License-Identifier: Apache-2.0
"""Acts of the system in a turn, and modes of the users' replies."""

import enum
import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.choice.alternatives import Alphabet
from recsim_tf.conversations.types import Query
from recsim_tf.core import nests
from recsim_tf.core.base.arguments import Count, checked, is_integer
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.ranges import known_numbers, shown
from recsim_tf.core.base.types import Nest, Turn
from recsim_tf.core.step import turns


class Act(enum.IntEnum):
    """Acts of the system."""

    SILENT = 0  # no act; the only reply is no reply
    RECOMMEND = 1  # shows the slate
    ENDORSE = 2  # shows the slate and endorses item 0, for attribute 0 if one is named
    COMPARE = 3  # asks for the item of the slate that the user likes best
    ASK = 4  # asks about attribute 0, about item 0, or about attribute 0 compared to item 0
    CHIPS = 5  # shows the slate and attributes as navigation chips
    RESPOND = 6  # responds without a question or an offer: an answer, thanks, a remark


class Mode(enum.IntEnum):
    """Modes of a reply. A reply is a mode and a value in it."""

    NOTHING = 0  # no reply
    CHOOSE = 1  # the item at a position, or K for none of the items
    ANSWER = 2  # `NO`, `YES` or `DONT_KNOW`
    RATE = 3  # a rating of item 0, from 0 to 4
    CRITIQUE = 4  # a critique of item 0: more of attribute a is value a, less is value A + a
    REFINE = 5  # the attribute that the user wants more of
    # The following modes occur with `DialogueUsers` only.
    INQUIRE = 6  # a question about item 0
    REQUEST = 7  # a request for other recommendations
    REMARK = 8  # a remark about no item and no attribute


NO, YES, DONT_KNOW = 0, 1, 2
NUM_RATINGS = 5

_TO_ITEMS = (Mode.NOTHING, Mode.CHOOSE, Mode.RATE, Mode.CRITIQUE, Mode.REFINE)
# The modes that each act admits.
ADMITTED = {
    Act.SILENT: (Mode.NOTHING,),
    Act.RECOMMEND: _TO_ITEMS,
    Act.ENDORSE: _TO_ITEMS,
    Act.COMPARE: (Mode.NOTHING, Mode.CHOOSE),
    Act.ASK: (Mode.NOTHING, Mode.ANSWER),
    Act.CHIPS: (Mode.NOTHING, Mode.CHOOSE, Mode.REFINE),
    Act.RESPOND: (Mode.NOTHING, Mode.REFINE),
}
# Acts that offer items. A chosen item of an offer is accepted.
OFFERS = (Act.RECOMMEND, Act.ENDORSE, Act.CHIPS)


def alphabet(slate_size: int, num_attributes: int) -> Alphabet:
    """The symbols of replies, ordered by `Mode`."""
    sizes = (1, slate_size + 1, 3, NUM_RATINGS, 2 * num_attributes, num_attributes, 1, 1, 1)
    return Alphabet(sizes)


def check_admitted(admitted: Mapping[int, Collection[int]]) -> None:
    """Checks the modes that each act admits; raises `ValueError` for missing or unknown ones."""
    modes = {mode for act_modes in admitted.values() for mode in act_modes}
    wrong = ({*admitted} ^ {*Act}) or modes - {*Mode}
    if wrong:
        allowed = f"each Act, 0 to {len(Act) - 1}, with values of Mode, 0 to {len(Mode) - 1}"
        raise ValueError(f"admitted must have {allowed}, and no others, got {shown(wrong)}")


def is_act(act: tf.Tensor, *acts: Act) -> tf.Tensor:
    """True where acts int32 [B] are among the given acts, bool [B]."""
    return functools.reduce(tf.logical_or, [tf.equal(act, int(each)) for each in acts])


@checked
def query(
    act: int | tf.Tensor,
    attributes: Sequence[int | tf.Tensor] = (),
    num_chips: Count = 3,
    num_users: int | None = None,
) -> Query:
    """A query, padded to the format of the environment.

    Args:
      act: an `Act` or int32 [B].
      attributes: at most `num_chips` attributes, each an integer or int32 [B]; -1 for none.
      num_chips: number of attributes C that a turn can name.
      num_users: number of users B; None if `act` is a tensor.

    Raises:
      ValueError: for more attributes than `num_chips`, attributes that are not integers, a number
        that is not an `Act`, or an unknown number of users.
    """
    is_valid = _are_integers("act", act)
    if is_valid and not tf.is_tensor(act):
        numbers = known_numbers("act", act)
        is_valid = numbers is None or bool(np.isin(numbers, [*Act]).all())
    if not is_valid:
        raise ValueError(f"act must be an Act, in [0, {len(Act) - 1}], got {shown(act)}")
    try:
        attributes = list(attributes)
    except TypeError:
        raise ValueError(f"attributes must be a list, got {shown(attributes)}") from None
    for index, each in enumerate(attributes):
        if not _are_integers(f"attributes[{index}]", each):
            raise ValueError(
                f"attributes[{index}] must be an integer or int32 [B], got {shown(each)}"
            )
    if len(attributes) > num_chips:
        raise ValueError(f"attributes must be at most num_chips={num_chips}, got {len(attributes)}")
    act = tf.convert_to_tensor(act, tf.int32)
    if num_users is None:
        if not act.shape.rank:
            raise ValueError("num_users must be given if act is a number, got None")
        num_users = nests.num_rows(act)
    padded = [*attributes, *[-1] * (num_chips - len(attributes))]
    columns = [tf.broadcast_to(tf.cast(each, tf.int32), [num_users]) for each in padded]
    return Query(tf.broadcast_to(act, [num_users]), tf.stack(columns, axis=-1))


def _are_integers(name: str, value: Any) -> bool:
    """True for an integer, and for a list, an array or a tensor of integers."""
    if tf.is_tensor(value):
        return value.dtype.is_integer
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        return is_integer(value)
    numbers = known_numbers(name, value)
    return numbers is None or numbers.dtype.kind in "iu"


@checked
def query_spec(num_attributes: int, num_chips: Count) -> Nest:
    """The `query_spec` of a simulator of conversations.

    Args:
      num_attributes: number of attributes A.
      num_chips: number of attributes C that a turn can name.

    Raises:
      ValueError: if `num_chips` is not positive.
    """
    return turns.query_spec(
        Query(tf.TensorSpec([], tf.int32), tf.TensorSpec([num_chips], tf.int32)),
        Query(Bounds(0, len(Act) - 1), Bounds(-1, num_attributes - 1)),
    )


def conditions(turn: Turn, may_be_open: bool = False) -> list[tuple[tf.Tensor, str]]:
    """Conditions on a turn of B users beside values in range, as (bool [B], message) pairs. Items
    and attributes that an act does not use are ignored. With `may_be_open` a question may name
    neither an attribute nor an item.
    """
    num_items = tf.reduce_sum(tf.cast(turn.slate >= 0, tf.int32), axis=-1)
    has_first = turn.slate[:, 0] >= 0
    named = turn.query.attributes >= 0
    needed = [
        (
            (Act.RECOMMEND, Act.ENDORSE),
            has_first,
            "RECOMMEND and ENDORSE must have an item at position 0",
        ),
        ((Act.COMPARE,), num_items >= 2, "COMPARE must have at least two items to compare"),
        (
            (Act.ASK,),
            named[:, 0] | has_first | may_be_open,
            "ASK must have an attribute or an item at position 0 to ask about",
        ),
        (
            (Act.CHIPS,),
            tf.reduce_any(named, axis=-1) | has_first,
            "CHIPS must have an attribute or an item at position 0",
        ),
    ]
    return [(~is_act(turn.query.act, *acts) | holds, message) for acts, holds, message in needed]
