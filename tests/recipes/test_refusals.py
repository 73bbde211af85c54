# SPDX-License-Identifier: Apache-2.0
"""What recipes refuse, in a line."""

import numpy as np
import pytest
from recipes import soft_attributes

from tests.refusals import assert_refused


def taggers(num_factors=8, **arguments):
    return soft_attributes.TaggingUsers(40, num_factors, 3, **{"max_ratings": 10, **arguments})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: soft_attributes.AttributeRaters(
                num_films=3, num_attributes=2, offsets=[[0.0, 1.0]]
            ),
            "offsets",
        ),
        (lambda: taggers(5), r"num_factors must be at least num_attributes \* num_senses = 6"),
        (lambda: taggers(tagging_low=0.6), "tagging_high must be above tagging_low=0.6, got 0.5"),
        (
            lambda: taggers(topics=np.zeros([2, 8]), topic_logits=np.zeros(3)),
            "topic_logits must",
        ),
        (
            lambda: soft_attributes.ratings_and_tags(taggers(), slate_size=4),
            "slate_size must be at least max_ratings=10, got 4",
        ),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(call, message):
    assert_refused(call, message)
