# SPDX-License-Identifier: Apache-2.0
"""Does it know order? Whether models know the order of what users did, or only who they are."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import WholeNumber, checked
from recsim_tf.core.nests import fields_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.predictions.choices import mean_by_session, predict_choices
from recsim_tf.fitting.validation.context import Context
from recsim_tf.fitting.validation.question import NO_CLICKS, Answer
from recsim_tf.logs.log import Log, repeat_last_step, take_steps, users_of
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import Note, Part, Table
from recsim_tf.support.tables import fixed, signed
from recsim_tf.support.verdicts import (
    BELIEVABLE,
    CANNOT_TELL,
    NOT_BELIEVABLE,
    WITH_CARE,
    Verdict,
)

# Fields of a log that stay at their times where steps are shuffled: how users change between steps,
# such as the days until they come back.
_OF_TIMES = ("innovation", "discount")


class Order(NamedTuple):
    """The gain of a model's dynamics over its static form, in nats a step held out."""

    gain: Mean  # in the order of the log
    shuffled: Mean  # where the contents of steps stand in random order, both fitted again


class KnowsOrder:
    """Does it know order?"""

    name, title, needs_held_out = "order", "Does it know order?", True

    def ask(self, context: Context) -> Answer:
        """Compares the models with their static self, in order and shuffled."""
        if not context.has_clicks:
            return Answer(NO_CLICKS)
        if context.refit is None or context.static is None:
            reason = "Not asked: it takes values at which the dynamics do nothing (static)."
            return Answer(Verdict(CANNOT_TELL, reason))
        order = _what_order_tells(context)
        return Answer(
            verdict(order),
            order,
            ("nats a step that the dynamics add", order.gain),
            lambda: _parts(order),
        )


@checked
def shuffle_steps(log: Log, seed: WholeNumber = 0, times: Collection[str] = ()) -> Log:
    """The log with the contents of the steps of each session in random order: what was shown, what
    was told then, and what the user did stay together.

    Times stay in place: the users' change from step to step, and the attributes that are named.

    Args:
      log: the sessions.
      seed: the seed of the order.
      times: the names of hidden attributes that are times, such as an hour or a pause.

    Raises:
      ValueError: for a name that is no hidden attribute of the log, or a seed below 0.
    """
    attributes = tf.nest.flatten(log.hidden)
    names = log.labels.attributes or tuple(fields_of(log.hidden))
    if unknown := sorted(set(times) - set(names)):
        described = ", ".join(names) or "of which it has none"
        raise ValueError(
            f"times must name hidden attributes of the log, {described}, got {unknown[0]}"
        )
    keys = np.where(log.active, np.random.default_rng(seed).random(log.active.shape), 2.0)
    steps = np.argsort(keys, axis=1)
    shuffled = log.map_steps(lambda leaf: repeat_last_step(take_steps(leaf, steps), log.length))
    if times:
        moved = tf.nest.flatten(shuffled.hidden)
        kept = [
            still if name in times else leaf
            for name, still, leaf in zip(names, attributes, moved, strict=True)
        ]
        shuffled = shuffled._replace(hidden=tf.nest.pack_sequence_as(log.hidden, kept))
    return shuffled._replace(labels=log.labels, **{name: getattr(log, name) for name in _OF_TIMES})


def _what_order_tells(context: Context) -> Order:
    """Compares a fitted simulator with its static self, in order and shuffled.

    Raises:
      ValueError: for a log of sessions of one step, or a parameter that is not fitted.
    """
    refit, static = context.refit, context.static
    assert refit is not None
    assert static is not None
    train, held_out, given, seed = (
        context.fitted,
        context.held_out,
        context.given,
        context.seed,
    )
    if max(train.max_length, held_out.max_length) < 2:
        raise ValueError("sessions must have several steps to tell of their order, got one each")

    def gain(changing: Simulator, others: Log, before: Log | None, still: Simulator) -> Mean:
        scores = (
            predict_choices(each, others, context.batch_size, seed=seed, given=before).log_prob
            for each in (changing, still)
        )
        difference = np.subtract(*scores)
        counted, users = others.active & np.isfinite(difference), users_of([others.labels])
        return mean_by_session(np.where(counted, difference, 0.0), counted, users)

    in_order = gain(context.simulator, held_out, given, refit(train, static))
    shuffled, shuffled_held_out = (
        shuffle_steps(log, number, context.times)
        for number, log in ((seed, train), (seed + 1, held_out))
    )
    before = None if given is None else shuffle_steps(given, seed, context.times)
    return Order(
        in_order, gain(refit(shuffled, {}), shuffled_held_out, before, refit(shuffled, static))
    )


def verdict(order: Order) -> Verdict:
    """The answer."""
    gain, shuffled = order
    if abs(gain.value) <= 2 * gain.standard_error:
        word, meaning = CANNOT_TELL, "The log does not show that users change from step to step."
    elif gain.value < 0:
        word = NOT_BELIEVABLE
        meaning = "The dynamics make predictions worse than users who never change."
    elif shuffled.value < gain.value / 2:
        word, meaning = BELIEVABLE, "It knows in which order users did things, and uses it."
    else:
        word = WITH_CARE
        meaning = "Most of what the dynamics add is who the user is, not the order."
    return Verdict(
        word,
        f"{meaning} The dynamics add {gain.in_words()} nats a step, and {shuffled.in_words()} where"
        " steps are shuffled.",
    )


def _parts(order: Order) -> list[Part]:
    rows = [
        {
            "": name,
            "gain of the dynamics, nats a step": signed(mean.value),
            "± standard error": fixed(mean.standard_error),
        }
        for name, mean in (("in order", order.gain), ("shuffled", order.shuffled))
    ]
    note = (
        "The gain is over the static self of the model, which learns who the user is, and forgets"
        " in which order they did what. Both are fitted again where the contents of each session's"
        " steps are shuffled over their times: a gain that stays there is none of order. Where a"
        " system reacts to its users, the order is the system's too."
    )
    return [Table(rows), Note(note)]
