# SPDX-License-Identifier: Apache-2.0
"""SlateQ's formulas in plain numpy: one user at a time, slates by enumeration."""

import itertools

import numpy as np


def slate_value(weights, no_click_weight, q_items, q_no_click, slate):
    """Value of one slate, positions [k], for one user; -1 is an empty position."""
    shown = [position for position in slate if position >= 0]
    gained = sum(weights[i] * q_items[i] for i in shown) + no_click_weight * q_no_click
    return gained / (sum(weights[i] for i in shown) + no_click_weight)


def best_value(weights, no_click_weight, q_items, q_no_click, slate_size):
    """The largest value of any slate of exactly that size."""
    slates = itertools.combinations(range(len(weights)), slate_size)
    return max(
        slate_value(weights, no_click_weight, q_items, q_no_click, slate) for slate in slates
    )


def best_values(weights, no_click_weight, q_items, q_no_click, slate_size):
    """`best_value` of B users, [B]."""
    rows = zip(weights, no_click_weight, q_items, q_no_click, strict=True)
    return np.array([best_value(*row, slate_size) for row in rows])


def slate_values(weights, no_click_weight, q_items, q_no_click, slate):
    """`slate_value` of B users, [B]."""
    rows = zip(weights, no_click_weight, q_items, q_no_click, slate, strict=True)
    return np.array([slate_value(*row) for row in rows])


def quantities(values):
    """Weights, weight of no click, values of clicks and of no click of `SlateValues`, arrays."""
    tensors = values.weights, values.no_click_weight, values.q_items, values.q_no_click
    return [tensor.numpy() for tensor in tensors]


def shown(values, slate):
    """Values [B, N] at the positions of slates [B, K]."""
    return np.take_along_axis(values, slate, axis=1)


def td_loss(q_items, q_no_click, slate, clicked, target, counts):
    """Mean squared error over the rows that count, of the value of what each user did."""
    errors = []
    for row in np.flatnonzero(counts):
        position = np.argmax(clicked[row]) if clicked[row].any() else None
        q = q_no_click[row] if position is None else q_items[row, slate[row, position]]
        errors.append((q - target[row]) ** 2)
    return np.mean(errors)
