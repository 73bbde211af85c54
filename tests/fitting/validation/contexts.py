# SPDX-License-Identifier: Apache-2.0
"""Contexts of validations that are worked out by hand."""

from recsim_tf.fitting.validation.context import Context

_NOTHING = {
    **dict.fromkeys(("refit", "static", "other", "segment", "logging")),
    **{"times": (), "policies": {}, "num_replicates": 20, "batch_size": 8, "seed": 0},
}


def context(fitted, held_out, given=None, kind=Context) -> Context:
    """The context of sessions, without a simulator."""
    return kind(None, fitted, held_out, given=given, **_NOTHING)
