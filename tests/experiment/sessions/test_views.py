# SPDX-License-Identifier: Apache-2.0
"""The chart of a session."""

import numpy as np
import pytest

from recsim_tf.experiment.sessions import views
from recsim_tf.experiment.sessions.turn_texts import LEFT, SessionText


@pytest.fixture
def drawn(monkeypatch):
    """The axes of charts, as they were drawn."""
    seen, new_figure = [], views.new_figure

    def kept(*arguments):
        figure = new_figure(*arguments)
        seen.append(figure.axes[0])
        return figure

    monkeypatch.setattr(views, "new_figure", kept)
    return seen


@pytest.mark.parametrize(
    ("rewards", "words"),
    [
        ([-0.5, -1.5, 2.0], "Reward of each turn, from -1.5 to 2"),
        ([-0.5, -1.5], "Reward of each turn, from -1.5 to -0.5"),
        ([1.0, 0.0], "Reward of each turn, at most 1"),
    ],
)
def test_rewards_are_bars_from_zero_also_negative_ones(drawn, rewards, words):
    session = SessionText(0, "", [], len(rewards), np.array(rewards), 0.0, LEFT, "")
    page = views.sessions_page("title", "about", [session])
    assert words in page
    (axes,) = drawn
    found = [(bar.get_y(), bar.get_height()) for bar in axes.patches]
    assert found == [(0, reward) for reward in rewards]
    low, high = axes.get_ylim()
    assert low <= min(rewards)
    assert high >= max(rewards)
    assert [*axes.lines[0].get_ydata()] == [0, 0]
