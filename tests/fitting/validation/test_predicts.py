# SPDX-License-Identifier: Apache-2.0
"""Predictions of clicks that are worked out by hand."""

import numpy as np
import pytest

from recsim_tf.fitting.predictions.responses import Expected, ResponsePredictions
from recsim_tf.fitting.validation.context import Context
from recsim_tf.fitting.validation.predicts import _gain_of_offsets, predictions_of
from recsim_tf.logs.log import Log
from tests.fitting.validation.contexts import context


class OfCoins(Context):
    """The context of a model that expects a click on each document with probability 1/2."""

    @property
    def responses(self):
        clicked, counted = self.held_out.response, self.held_out.counted
        coins = Expected(np.full(clicked.shape, 0.5), clicked, counted)
        return ResponsePredictions({"clicked": coins}, {"clicked": np.log(coins.mean[..., 0])}, {})

    def clicks_of(self, log):
        return log.response > 0


def a_log(documents, clicked):
    """Sessions of slates of one document, int [S, T], and their clicks, [S, T]."""
    documents = np.array(documents, np.int32)[..., np.newaxis]
    return Log(
        length=np.full(len(documents), documents.shape[1], np.int32),
        departed=np.zeros(len(documents), bool),
        documents=documents,
        shown=np.ones(documents.shape, bool),
        response=np.array(clicked, np.float32)[..., np.newaxis],
    )


def test_offsets_are_of_the_documents_that_were_held_out_and_not_of_earlier_ones():
    earlier = a_log([[2], [2], [0], [0]], [[0], [0], [0], [0]])
    later = a_log([[1], [1], [1], [1]], [[1], [1], [1], [1]])
    offsets = predictions_of(context(later, later, earlier, OfCoins)).offsets
    # Four clicks where two are expected, with variance 1: 2 * 2 / 2 nats, less 1/2 by chance.
    assert offsets == pytest.approx(dict.fromkeys(("position", "document"), (2 - 0.5) / 4))


def test_an_offset_for_each_cell_gains_nats_beyond_chance():
    clicked = np.array([1, 1, 1, 0, 1, 1, 1, 1], bool)
    cells = np.repeat([7, 9], 4)
    # Excesses of 1 and 2 clicks, each with variance 1; each offset gains 1/2 by chance.
    gain = (1**2 / 2 - 0.5) + (2**2 / 2 - 0.5)
    assert _gain_of_offsets(np.full(8, 0.5), clicked, cells) == pytest.approx(gain / 8)
    # Clicks that are as many as expected are fewer beyond it than chance makes them.
    right = _gain_of_offsets(np.full(8, 0.5), np.tile([True, False], 4), cells)
    assert right == pytest.approx(-2 * 0.5 / 8)
