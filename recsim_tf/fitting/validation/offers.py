# SPDX-License-Identifier: Apache-2.0
"""Does it offer the documents of the log? The document model beside what was logged."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.validation.context import Context
from recsim_tf.fitting.validation.question import Answer
from recsim_tf.logs.log import Log
from recsim_tf.logs.logged_documents import Logged
from recsim_tf.policies import random_policy
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import Note, Part, Table
from recsim_tf.support.tables import share
from recsim_tf.support.verdicts import (
    BELIEVABLE,
    CANNOT_TELL,
    NOT_BELIEVABLE,
    WITH_CARE,
    Verdict,
)

_MOST_SESSIONS = 2000
_FEW, _MANY = 0.01, 0.1  # shares of documents that the model does not offer
_ALIKE, _UNLIKE = 0.1, 0.25  # shares of candidates that would have to be others


class Offer(NamedTuple):
    """Documents in the log beside those that the document model offers."""

    missing: float  # share of the documents shown that the model does not offer
    # share of the candidates that would have to be others, to be those of the log; NaN where the
    # log has no candidates
    moved: float
    moved_by_chance: float  # the same of two simulations
    # share of the candidates of a step that were candidates a step before, in the log and in
    # simulations; NaN where the log has no candidates, or one step
    stay: float
    stay_simulated: float
    num_offered: int  # different documents that the model offers; 0 where documents are no ids
    num_shown: int  # different documents that the log shows


class Offers:
    """Does it offer the documents of the log?"""

    name, title, needs_held_out = "offers", "Does it offer the documents of the log?", True

    def ask(self, context: Context) -> Answer:
        """Draws candidates from the document model, and compares them with the log's."""
        simulator, log = context.simulator, context.whole
        if isinstance(simulator.documents, Logged):
            return _untold("The simulator offers the documents of a log.")
        leaves = tf.nest.flatten(log.documents)
        if len(leaves) != 1:
            return _untold("Documents of several fields are not compared.")
        offer = offer_of(simulator, log, context.seed)
        return Answer(
            verdict(offer),
            offer._asdict(),
            ("share of the documents shown that it does not offer", Mean(offer.missing, np.nan)),
            lambda: _parts(offer),
        )


def _untold(sentence: str) -> Answer:
    return Answer(Verdict(CANNOT_TELL, sentence))


def offer_of(simulator: Simulator, log: Log, seed: int = 0) -> Offer:
    """The documents of a log beside those of a simulator, whose draws have one field."""
    rows = np.arange(min(log.num_sessions, _MOST_SESSIONS))
    log = log.take(rows)
    (documents,) = tf.nest.flatten(log.documents)
    shown = np.asarray(documents)[log.counted]
    first, second = (
        _candidates(simulator, log, own_seed) for own_seed in random.split_seed(seed, 2)
    )
    offered = np.concatenate([each.reshape(-1, *shown.shape[1:]) for each in (first, second)])
    is_ids = shown.ndim == 1 and shown.dtype.kind in "iu"
    if is_ids:
        missing = ~np.isin(shown, offered)
    else:
        low, high = (of(offered, axis=0) for of in (np.min, np.max))
        slack = 0.05 * (high - low)
        inside = (shown >= low - slack) & (shown <= high + slack)
        missing = ~inside.reshape(len(shown), -1).all(axis=1)
    moved, moved_by_chance, stay, stay_simulated = (np.nan,) * 4
    candidates = tf.nest.flatten(log.candidates)
    if len(candidates) == 1:
        logged = np.asarray(candidates[0])
        active = log.active
        moved = float(
            np.mean([_moved(logged[active], each[active], is_ids) for each in (first, second)])
        )
        moved_by_chance = _moved(first[active], second[active], is_ids)
        if is_ids and log.max_length > 1:
            stay, stay_simulated = (_stay(each, active) for each in (logged, first))
    return Offer(
        float(missing.mean()),
        moved,
        moved_by_chance,
        stay,
        stay_simulated,
        len(np.unique(offered)) if is_ids else 0,
        len(np.unique(shown)) if is_ids else 0,
    )


def _candidates(simulator: Simulator, log: Log, seed: tf.Tensor) -> np.ndarray:
    """Draws of candidates of as many sessions and steps as the log has, [S, T, N, ...]."""
    fewest = simulator.fewest_users
    num_users = simulator.num_users or -(-log.num_sessions // fewest) * fewest
    # After the end of a session candidates are drawn as before.
    trajectory = simulator.rollout(random_policy(simulator), num_users, log.max_length, seed)
    (first,) = tf.nest.flatten(trajectory.initial.candidates)
    steps = [first.numpy()[np.newaxis]]
    later = tf.nest.flatten(trajectory.transitions.draws.candidates)
    if later:
        steps.append(later[0].numpy()[:-1])
    else:
        steps *= log.max_length
    drawn = np.swapaxes(np.concatenate(steps), 0, 1)
    # Users of a world meet the same candidates.
    drawn = np.repeat(drawn, -(-log.num_sessions // len(drawn)), axis=0)
    return drawn[: log.num_sessions]


def _moved(logged: np.ndarray, simulated: np.ndarray, is_ids: bool) -> float:
    """The distance in total variation of candidates [M, N, ...]: of their ids, or the largest of
    their features, in ten bins each.
    """
    if is_ids:
        size = int(max(logged.max(), simulated.max())) + 1
        of_log, of_model = (
            np.bincount(each.ravel(), minlength=size) for each in (logged, simulated)
        )
        return _distance(of_log, of_model)
    columns = [each.reshape(-1, *each.shape[2:]) for each in (logged, simulated)]
    columns = [each.reshape(len(each), -1) for each in columns]
    distances = []
    for first, second in zip(*(each.T for each in columns), strict=True):
        edges = np.unique(np.quantile(np.concatenate([first, second]), np.linspace(0, 1, 11)))
        if len(edges) > 2:
            counts = (np.histogram(each, edges)[0] for each in (first, second))
            distances.append(_distance(*counts))
    return max(distances, default=0.0)


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


def _stay(candidates: np.ndarray, active: np.ndarray) -> float:
    """The share of the candidates [S, T, N] that were candidates one step before."""
    now, before = candidates[:, 1:][active[:, 1:]], candidates[:, :-1][active[:, 1:]]
    return float((now[:, :, np.newaxis] == before[:, np.newaxis]).any(axis=2).mean())


def verdict(offer: Offer) -> Verdict:
    """The answer."""
    if offer.missing > _FEW:
        word = NOT_BELIEVABLE if offer.missing > _MANY else WITH_CARE
        return Verdict(
            word,
            f"{share(offer.missing)} of the documents that were shown are none that the document"
            " model offers.",
        )
    if np.isnan(offer.moved):
        return Verdict(
            BELIEVABLE,
            "It offers the documents that were shown. The log has no candidates, so nothing else is"
            " compared.",
        )
    beyond = offer.moved - offer.moved_by_chance
    if beyond > _ALIKE:
        return Verdict(
            NOT_BELIEVABLE if beyond > _UNLIKE else WITH_CARE,
            f"{share(offer.moved)} of its candidates would have to be others to be those of the"
            f" log, where chance makes {share(offer.moved_by_chance)}.",
        )
    if abs(offer.stay - offer.stay_simulated) > _ALIKE:
        return Verdict(
            WITH_CARE,
            f"{share(offer.stay)} of the candidates of a step were there one step before, and"
            f" {share(offer.stay_simulated)} in simulations.",
        )
    return Verdict(BELIEVABLE, "It offers candidates like those of the log.")


def _parts(offer: Offer) -> Sequence[Part]:
    values: dict[str, Any] = {
        "different documents shown in the log": offer.num_shown or None,
        "different documents offered by the model": offer.num_offered or None,
        "documents shown that it does not offer": share(offer.missing),
    }
    if not np.isnan(offer.moved):
        values["candidates that would have to be others"] = share(offer.moved)
        values["the same of two simulations"] = share(offer.moved_by_chance)
    if not np.isnan(offer.stay):
        values["candidates that were there one step before, log"] = share(offer.stay)
        values["the same in simulations"] = share(offer.stay_simulated)
    note = (
        "The document model is drawn twice, for as many sessions and steps as the log has. What"
        " was offered and never shown is compared only where the log has candidates."
    )
    rows = [{"": name, "share or number": value} for name, value in values.items()]
    return [Table(rows), Note(note)]
