# SPDX-License-Identifier: Apache-2.0
"""Several choices from one slate, in sequence and without repetition."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.choice.base import as_mask, as_scores, at_documents, fill_empty, with_no_click
from recsim_tf.core import distributions
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.parameters import Model, parameter
from recsim_tf.core.base.ranges import known_numbers


@configurable
class PlackettLuce(Model):
    """A model of `num_choices` choices from the slate, each by a multinomial logit among the
    documents that are left. It is RecSim NG's iterated multinomial logit, and the first places of a
    ranking (Plackett 1975).

        ratings = PlackettLuce(num_choices=3)
        ratings(scores, mask).log_prob([[4, 0, 2]])

    A draw is int32 [..., num_choices]: positions in [0, K) in the order of the choices, and -1
    where no document is left. With a `no_click_mass`, "none" is an outcome like a document. It may
    be drawn once, as K, and takes one of the choices.

    Args:
      num_choices: an integer of at least 1.
      no_click_mass: the logit of "none". With the default -inf it is no outcome.
      validate: whether to check for NaN and infinite scores, as `ChoiceModel` does.

    Raises:
      ValueError: for a number of choices below 1; when called, if it is above the slate size.
    """

    num_choices: Count = 1
    no_click_mass: Any = parameter(-float("inf"), low=-float("inf"))
    validate: bool = dataclasses.field(default=False, kw_only=True)

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self, scores: tf.Tensor, mask: tf.Tensor | None = None
    ) -> distributions.PlackettLuce:
        """The distribution of the choices.

        Args:
          scores: float [..., K], how much the user likes each document of the slate.
          mask: bool [..., K], False at empty positions, which are never chosen, or None.
        """
        scores = as_scores("scores", scores)
        slate_size = scores.shape[-1]
        if self.num_choices > slate_size:
            raise ValueError(
                f"num_choices must be at most the slate size {slate_size}, got {self.num_choices}"
            )
        mask = None if mask is None else as_mask(mask, scores)
        scores = fill_empty(scores, mask, 0.0)
        if self.validate:
            is_finite = at_documents(tf.math.is_finite(scores), mask)
            scores = validation.asserted(scores, [(is_finite, "scores must be finite")])
        masses = known_numbers("no_click_mass", self.no_click_mass)
        if masses is not None and np.isneginf(masses).all():
            return distributions.PlackettLuce(scores, self.num_choices, mask)
        mass = self.per_user("no_click_mass", scores.shape.rank, scores.dtype)
        is_possible = tf.ones_like(scores, tf.bool) if mask is None else mask
        is_possible = with_no_click(is_possible, mass > -float("inf"))
        return distributions.PlackettLuce(
            with_no_click(scores, mass), self.num_choices, is_possible
        )
