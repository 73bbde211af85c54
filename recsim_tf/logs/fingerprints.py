# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of logs, by which a policy that was learned from a log's sessions is known."""

from typing import Any

import numpy as np

from recsim_tf.core.base.arguments import checked
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.hashes import row_hashes
from recsim_tf.logs.log import DRAWS, Log, Sessions, session_digests

_LENGTH = 1000
_ERRORS = 4.0  # standard errors by which more sessions are equal than by chance


@checked
def fingerprint(log: Any) -> np.ndarray:
    """A sample of the sessions of a log, as hashes from which no session can be read.

        policy.learned_from = logs.fingerprint(log)

    `ope.evaluate` refuses a policy with such an attribute where the log that judges it has sessions
    of the fingerprint. Models of `fitting.fit` have the fingerprint of their log as `fitted_to`,
    and hand it on to the agents that `Training` trains in them. Somebody who has a session with its
    id can tell whether it is in the sample.

    Args:
      log: a `Log`, a log in pieces such as a `LogStream`, or the result of a reader.

    Returns:
      The smallest thousand hashes of the sessions, or all of fewer sessions, in ascending order,
      uint64 [at most 1,000].

    Raises:
      UsageError: if `log` is none of these.
    """
    log = log_of("log", log, Sessions, "a Log or a LogStream")
    smallest = np.array([], np.uint64)
    for piece in log.pieces():
        smallest = union(smallest, _hashes(piece))
    return smallest


def union(first: Any, second: Any) -> np.ndarray:
    """The fingerprint of the sessions of two fingerprints."""
    both = np.concatenate([np.asarray(each, np.uint64) for each in (first, second)])
    return np.unique(both)[:_LENGTH]


def share_learned(learned_from: Any, log: Sessions) -> float:
    """The share of a log's sessions that a fingerprint holds, or 0 where as many sessions are equal
    by chance.

    The sessions of a log whose hashes are no larger than the largest of a fingerprint are a random
    sample, for which the fingerprint is complete (Broder 1997).
    """
    learned = np.asarray(learned_from, np.uint64)
    if not len(learned):
        return 0.0
    hashes = np.concatenate([_hashes(piece) for piece in log.pieces()])
    is_complete = len(learned) < _LENGTH
    number = len(learned) if is_complete else len(learned) * 2.0**64 / float(learned[-1])
    sample = hashes if is_complete else hashes[hashes <= learned[-1]]
    repeated = float(np.mean(_is_repeated(hashes))) * max(number / len(hashes), 1.0)
    return _number_in_both(sample, learned, repeated) / max(len(sample), 1)


def sessions_in_both(first: Log, second: Log) -> int:
    """The number of sessions of the second log whose draws are those of a session of the first. It
    is 0 where as many may be equal by chance, as short sessions are.
    """
    hashes = session_digests(first)
    return _number_in_both(session_digests(second), hashes, float(np.mean(_is_repeated(hashes))))


def _number_in_both(hashes: np.ndarray, others: np.ndarray, share_by_chance: float) -> int:
    """The number of hashes that are among others, or 0 where chance may make as many."""
    equal = int(np.isin(hashes, others).sum())
    by_chance = len(hashes) * min(1.0, share_by_chance)
    return equal if equal > by_chance + _ERRORS * np.sqrt(by_chance + 1) else 0


def _is_repeated(hashes: np.ndarray) -> np.ndarray:
    """Tells of each hash whether another one is equal, bool [S]."""
    _, rows, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return counts[rows] > 1


def _hashes(log: Log) -> np.ndarray:
    """A hash of each session, uint64 [S], of its draws, its slates and its id."""
    leaves = [session_digests(log, (*DRAWS, "slate"))]
    if not isinstance(log.labels.session, tuple):
        leaves.append(np.asarray(log.labels.session, np.str_))
    return row_hashes(leaves, log.num_sessions)
