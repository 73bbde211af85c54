"""The reader of obp's feedback."""

import copy
import math

import numpy as np
from hypothesis import strategies as st

from recsim_tf.logs import from_obp
from tests.properties.readers.reading import read_or_none, reads
from tests.properties.readers.references import feedback as references
from tests.properties.readers.references.cells import found_or_none

ITEMS = {
    "n_rounds": 3,
    "n_actions": 3,
    "action": [2, 0, 1],
    "position": [0, 1, 0],
    "reward": [1.0, 0.0, 0.5],
    "pscore": [0.2, 0.5, 1.0],
    "context": [[0.5], [1.5], [2.0]],
    "action_context": [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]],
}
SLATES = {
    "n_rounds": 2,
    "n_unique_action": 3,
    "slate_id": [1, 1, 0, 0],
    "position": [1, 0, 0, 1],
    "action": [2, 0, 1, 2],
    "reward": [1.0, 0.0, 0.5, 0.0],
    "pscore": [0.2, 0.2, 0.3, 0.3],
    "pscore_cascade": [0.2, 0.5, 0.6, 0.3],
    "pscore_item_position": [0.4, 0.5, 0.6, 0.5],
    "context": [[0.5], [1.5]],
    "action_context": ITEMS["action_context"],
}
# Probabilities of three actions at two positions.
ACTION_DIST = [[[0.5, 0.1], [0.25, 0.9], [0.25, 0.0]] for _ in range(3)]
CELLS = (0, 1, 2, 3, -1, 0.5, 1.5, 0.2, math.nan, math.inf, None, "1", "x", [0])
WHOLES = (None, [], 5, 0, "x", [0, 1], [[0], [1]], [[0.5, 1.0], [0.5]], {"a": 1})


def damaged(draw, nested):
    """The lists with another value in one place, or one more or less of them."""
    nested = copy.deepcopy(nested)
    part = nested
    while isinstance(part[0], list) and draw(st.booleans()):
        part = part[draw(st.integers(0, len(part) - 1))]
    kind = draw(st.sampled_from(("cell", "cell", "cell", "cell", "more", "less")))
    if kind == "more":
        part.append(copy.deepcopy(part[-1]))
    elif kind == "less":
        part.pop()
    else:
        part[draw(st.integers(0, len(part) - 1))] = draw(st.sampled_from(CELLS))
    return nested


@reads(from_obp)
def test_feedback_is_read_as_it_is(data):
    feedback = dict(data.draw(st.sampled_from((ITEMS, SLATES))))
    is_slates = "slate_id" in feedback
    action_dist = None
    if not is_slates and data.draw(st.booleans()):
        action_dist = ACTION_DIST
        if data.draw(st.booleans()):
            action_dist = damaged(data.draw, action_dist)
    for _ in range(data.draw(st.integers(0, 2))):
        name = data.draw(st.sampled_from(sorted(feedback)))
        if isinstance(feedback[name], list) and feedback[name] and data.draw(st.booleans()):
            feedback[name] = damaged(data.draw, feedback[name])
        else:
            feedback[name] = data.draw(st.sampled_from(WHOLES))
    expected = found_or_none(lambda: references.rounds(feedback, action_dist))
    names = ("feedback[", "feedback must", "action_dist", "column", "slate must")
    log = read_or_none(lambda: from_obp(feedback, action_dist), expected, *names)
    if log is None:
        return
    assert log.length.tolist() == [1] * len(expected)
    fields = {"pscore": "slate", "pscore_cascade": "prefix", "pscore_item_position": "position"}
    for session, of_round in enumerate(expected):
        at, places = (session, 0), list(of_round.actions)
        assert log.slate[at][places].tolist() == list(of_round.actions.values())
        assert log.shown[at].sum() == len(places)
        assert log.reward[at][places].tolist() == list(of_round.rewards.values())
        for name, values in of_round.probabilities.items():
            probs = np.exp(getattr(log.propensity, fields[name])[at])
            expected_probs = values[0] if name == "pscore" else values
            probs = probs if name == "pscore" else probs[places]
            np.testing.assert_allclose(probs, expected_probs, rtol=1e-4)
        if of_round.target is not None:
            np.testing.assert_allclose(np.exp(log.target.slate[at]), min(of_round.target, 1))
        if of_round.context is not None:
            assert log.observation.user[at].tolist() == of_round.context
            assert log.observation.documents[at].tolist() == feedback["action_context"]
