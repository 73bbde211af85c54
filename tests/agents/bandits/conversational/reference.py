# SPDX-License-Identifier: Apache-2.0
"""Scores of conversational bandits for one user and one round, from the whole history, with NumPy:
the equations of the papers as they stand.
"""

from typing import NamedTuple

import numpy as np


class History(NamedTuple):
    """What a user was shown, and what they liked."""

    arms: np.ndarray  # [M, F]
    clicks: np.ndarray  # [M]
    key_terms: np.ndarray  # [L, F]
    answers: np.ndarray  # [L]


def _ridge(features, targets, ridge, weight=1.0):
    precision = ridge * np.eye(features.shape[1]) + weight * features.T @ features
    return np.linalg.inv(precision), weight * features.T @ targets


def lin_ucb(history: History, arms, key_terms, ridge=1.0, alpha=0.5):
    inverse, moment = _ridge(history.arms, history.clicks, ridge)
    widths = np.sqrt([arm @ inverse @ arm for arm in arms])
    return arms @ inverse @ moment + alpha * widths, None


def con_lin_ucb(history: History, arms, key_terms, ridge=0.1, alpha=0.1):
    features = np.concatenate([history.arms, history.key_terms])
    targets = np.concatenate([history.clicks, history.answers])
    inverse, moment = _ridge(features, targets, ridge)
    widths = np.sqrt([arm @ inverse @ arm for arm in arms])
    radii = np.sqrt([key_term @ inverse @ key_term for key_term in key_terms])
    return arms @ inverse @ moment + alpha * widths, radii


def con_ucb(history: History, arms, key_terms):
    weight, alpha = 0.5, 0.25
    of_terms, term_moment = _ridge(history.key_terms, history.answers, 1.0)
    inverse, moment = _ridge(history.arms, history.clicks, 1 - weight, weight)
    taste = inverse @ (moment + (1 - weight) * of_terms @ term_moment)
    widths = np.sqrt([arm @ inverse @ arm for arm in arms])
    passed_on = np.sqrt([arm @ inverse @ of_terms @ inverse @ arm for arm in arms])
    credits = [
        np.linalg.norm(arms @ inverse @ of_terms @ key_term) ** 2
        / (1 + key_term @ of_terms @ key_term)
        for key_term in key_terms
    ]
    return arms @ taste + weight * alpha * widths + (1 - weight) * alpha * passed_on, credits
