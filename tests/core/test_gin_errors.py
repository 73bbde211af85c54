# SPDX-License-Identifier: Apache-2.0
"""Errors that come through functions which gin configures."""

import gin
import pytest

import recsim_tf


@pytest.fixture(autouse=True)
def fixture_no_bindings():
    gin.clear_config()
    yield
    gin.clear_config()


def refused():
    with pytest.raises(ValueError, match="slate_size") as error:
        recsim_tf.interest_evolution(slate_size=0)
    assert isinstance(error.value, ValueError)
    assert str(error.value) == "slate_size must be an integer of at least 1, got 0"
    return getattr(error.value, "__notes__", [])


def test_who_does_not_use_gin_reads_nothing_of_it():
    assert not refused()


def test_bindings_are_told_the_calls_that_an_error_came_through():
    gin.parse_config("interest_evolution.num_candidates = 7")
    notes = refused()
    calls = [note.partition(" (")[0] for note in notes]
    assert calls == [
        "In call to configurable 'Simulator'",
        "In call to configurable 'interest_evolution'",
    ]


def test_an_error_keeps_its_fields():
    @gin.configurable("failing_for_a_test")
    def failing():
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no byte to begin with")

    with pytest.raises(UnicodeDecodeError) as error:
        failing()
    assert error.value.object == b"\xff"


def test_the_place_of_a_binding_that_cannot_be_read_stays_in_the_message():
    with pytest.raises(ValueError, match=r"In bindings string line 1\n    interest_evolution.x"):
        gin.parse_config("interest_evolution.x = @nothing")
