"""Whether models know the order of what users did, or only who they are."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from recsim_tf.core.base.validation import check_at_least
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.checks.choices import mean_by_session, predict_choices
from recsim_tf.logs.log import Log, repeat_last_step, take_steps, users_of
from recsim_tf.support.means import Mean

# Fits the models to a log, with these values of parameters fixed.
Refit: TypeAlias = Callable[[Log, Mapping[str, Any]], Simulator]


class Order(NamedTuple):
    """What the dynamics of a model add to its static self, in nats a step of held-out sessions."""

    gain: Mean  # in the order of the log
    shuffled: Mean  # where the steps of each session stand in random order, both fitted again


def shuffle_steps(log: Log, seed: int = 0) -> Log:
    """The log with the steps of each session in random order: what was shown, and what the user did
    then, stay together.
    """
    check_at_least(0, seed=seed)
    keys = np.where(log.active, np.random.default_rng(seed).random(log.active.shape), 2.0)
    steps = np.argsort(keys, axis=1)
    return log.map_steps(lambda leaf: repeat_last_step(take_steps(leaf, steps), log.length))


def what_order_tells(
    simulator: Simulator,
    train: Log,
    held_out: Log,
    refit: Refit,
    static: Mapping[str, Any],
    seed: int = 0,
    batch_size: int = 1000,
    given: Log | None = None,
) -> Order:
    """Compares a fitted simulator with its static self, in order and shuffled.

    Args:
      simulator: fitted to `train`.
      train, held_out: the sessions, see `validate`.
      refit: fits the models again.
      static: values at which the parameters of the dynamics do nothing.
      seed: of the random orders.
      batch_size: sessions that are predicted at once.
      given: earlier steps of the sessions held out, or None.

    Raises:
      ValueError: for a log of sessions of one step, or a parameter that is not fitted.
    """
    if max(train.max_length, held_out.max_length) < 2:
        raise ValueError("sessions must have several steps to tell of their order, got one each")

    def gain(changing: Simulator, others: Log, before: Log | None, still: Simulator) -> Mean:
        scores = (
            predict_choices(each, others, batch_size, seed=seed, given=before).log_prob
            for each in (changing, still)
        )
        difference = np.subtract(*scores)
        counted, users = others.active & np.isfinite(difference), users_of([others.labels])
        return mean_by_session(np.where(counted, difference, 0.0), counted, users)

    found = gain(simulator, held_out, given, refit(train, static))
    shuffled, other = shuffle_steps(train, seed), shuffle_steps(held_out, seed + 1)
    before = None if given is None else shuffle_steps(given, seed)
    return Order(found, gain(refit(shuffled, {}), other, before, refit(shuffled, static)))
