"""What posterior-predictive checks compare: statistics of sessions and the distributions behind
them.
"""

from typing import NamedTuple

import numpy as np

from recsim_tf.fitting.checks.resimulation import Outcomes

# Whole numbers that spread no further have a bin each.
_MAX_UNIT_BINS = 60
_NUM_BINS = 30


class Contents(NamedTuple):
    """Which statistics there are."""

    positions: tuple[int, ...]  # those at which documents were shown
    length: bool  # whether the models draw the lengths of sessions
    engagement: bool  # whether engagement is known and differs from the number of clicks


def statistics(outcomes: Outcomes, contents: Contents) -> dict[str, float]:
    """Statistics by name; position 0 is the top of the slate."""
    shown, clicks = outcomes.shown.sum(axis=0), outcomes.clicks.sum(axis=0)
    num_steps = outcomes.length.sum()
    found = {f"click_rate/position_{k}": clicks[k] / max(shown[k], 1) for k in contents.positions}
    found["clicks_per_step/mean"] = clicks.sum() / num_steps
    if contents.length:
        found |= _moments("session_length", outcomes.length)
        found["share_of_users_who_leave"] = outcomes.left.mean()
    found |= _moments("clicks_per_session", outcomes.clicks.sum(axis=1))
    if contents.engagement:
        found |= _moments("engagement_per_session", outcomes.reward.sum(axis=1))
        found |= _moments("engagement_per_step", _by_step(outcomes))
    return {name: float(value) for name, value in found.items()}


def samples(outcomes: Outcomes, contents: Contents) -> dict[str, np.ndarray]:
    """The values whose distributions are compared, [S] each, and by step [steps]."""
    found = {"session_length": outcomes.length} if contents.length else {}
    found["clicks_per_session"] = outcomes.clicks.sum(axis=1)
    if contents.engagement:
        found["engagement_per_session"] = outcomes.reward.sum(axis=1)
        found["engagement_per_step"] = _by_step(outcomes)
    return found


def bin_edges(values: np.ndarray) -> np.ndarray:
    """float64 [Q + 1]: the edges of bins for values [n], a bin for each whole number where that
    suffices.
    """
    values = values.astype(np.float64)
    low, high = values.min(), values.max()
    if high - low <= _MAX_UNIT_BINS and np.all(values == np.round(values)):
        return np.arange(low, high + 2) - 0.5
    return np.histogram_bin_edges(values, _NUM_BINS)


def shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """float64 [Q]: the parts of values [n] in bins; the outermost bins count what lies beyond."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return counts / len(values)


def _moments(name: str, values: np.ndarray) -> dict[str, float]:
    values = values.astype(np.float64)
    return {f"{name}/mean": values.mean(), f"{name}/standard_deviation": values.std()}


def _by_step(outcomes: Outcomes) -> np.ndarray:
    """[steps]: the reward of each step that counts."""
    return outcomes.reward[np.arange(outcomes.reward.shape[1]) < outcomes.length[:, np.newaxis]]
