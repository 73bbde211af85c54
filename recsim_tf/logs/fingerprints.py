"""Fingerprints of logs, by which a policy that was learned from a log's sessions is known."""

from typing import Any

import numpy as np

from recsim_tf.core.base.arguments import checked
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.hashes import row_hashes
from recsim_tf.logs.log import DRAWS, Log, Sessions, session_digests

_LENGTH = 1000
_ERRORS = 4.0  # standard errors by which more sessions are equal than by chance
_FEWEST_EQUAL = 5


@checked
def fingerprint(log: Any) -> np.ndarray:
    """A sample of the sessions of a log, as hashes from which no session can be read.

        policy.learned_from = logs.fingerprint(log)

    `ope.evaluate` refuses a policy with such an attribute where the log that judges it has sessions
    of the fingerprint. Models of `fitting.fit` have the fingerprint of their log as `fitted_to`,
    and hand it on to the agents that `Training` trains in them.

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
    known = np.asarray(learned_from, np.uint64)
    if not len(known):
        return 0.0
    hashes = np.concatenate([_hashes(piece) for piece in log.pieces()])
    is_complete = len(known) < _LENGTH
    number = len(known) if is_complete else len(known) * 2.0**64 / float(known[-1])
    sample = hashes if is_complete else hashes[hashes <= known[-1]]
    equal = int(np.isin(sample, known).sum())
    _, counts = np.unique(hashes, return_counts=True)
    repeated = counts[counts > 1].sum() / len(hashes)
    by_chance = len(sample) * min(1.0, repeated * max(number / len(hashes), 1.0))
    if equal < _FEWEST_EQUAL or equal <= by_chance + _ERRORS * np.sqrt(by_chance + 1):
        return 0.0
    return equal / len(sample)


def _hashes(log: Log) -> np.ndarray:
    """A hash of each session, uint64 [S], of its draws, its slates and its id."""
    leaves = [session_digests(log, (*DRAWS, "slate"))]
    if not isinstance(log.labels.session, tuple):
        leaves.append(np.asarray(log.labels.session, np.str_))
    return row_hashes(leaves, log.num_sessions)
