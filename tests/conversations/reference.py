# SPDX-License-Identifier: Apache-2.0
"""Replies of one user to one turn, in NumPy: the docstrings of the environment, written again."""

from typing import NamedTuple

import numpy as np

from recsim_tf.conversations import Act, ConversationUsers, DialogueUsers

# Which modes an act admits, in the order NOTHING, CHOOSE, ANSWER, RATE, CRITIQUE, REFINE, INQUIRE,
# REQUEST, REMARK.
ADMITTED = {
    Act.SILENT: (1, 0, 0, 0, 0, 0, 0, 0, 0),
    Act.RECOMMEND: (1, 1, 0, 1, 1, 1, 0, 0, 0),
    Act.ENDORSE: (1, 1, 0, 1, 1, 1, 0, 0, 0),
    Act.COMPARE: (1, 1, 0, 0, 0, 0, 0, 0, 0),
    Act.ASK: (1, 0, 1, 0, 0, 0, 0, 0, 0),
    Act.CHIPS: (1, 1, 0, 0, 0, 1, 0, 0, 0),
    Act.RESPOND: (1, 0, 0, 0, 0, 1, 0, 0, 0),
}


class Person(NamedTuple):
    """A user."""

    taste: np.ndarray  # [F]
    senses: np.ndarray  # [A]
    talkativeness: float
    trust: float


class Item(NamedTuple):
    """An item that is shown."""

    bias: float
    factors: np.ndarray  # [F]


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def softmax(logits):
    weights = np.exp(np.asarray(logits, np.float64))
    return weights / weights.sum()


def reply_probs(users: ConversationUsers, person: Person, act, attributes, items) -> np.ndarray:
    """Probabilities [R] of the symbols of a reply.

    Args:
      users: has the constants.
      person: who replies.
      act: of the system.
      attributes: that it names, -1 where none.
      items: on the slate, None where a position is empty.
    """
    directions = np.asarray(users.directions)[np.arange(len(person.senses)), person.senses]
    first, named = items[0], attributes[0]
    utility = [None if item is None else item.bias + person.taste @ item.factors for item in items]
    ideal = directions @ person.taste / np.linalg.norm(person.taste)
    gap = ideal if first is None else ideal - directions @ first.factors
    of_first = 0.0 if first is None else utility[0]

    none = users.choice_model.no_click_mass
    if act == Act.COMPARE and first is not None:
        none = -np.inf
    scores = [-np.inf if u is None else users.choice_sharpness * u for u in utility]
    if act == Act.ENDORSE:
        scores[0] += users.choice_sharpness * users.trust.endorsement * person.trust
    choose = softmax([*scores, none])

    yes = sigmoid(users.answers.sharpness * (of_first if named < 0 else gap[named]))
    answer = np.array([1 - yes, yes, np.exp(users.answers.dont_know)])
    answer /= answer.sum()

    at_most = sigmoid(np.array(users.ratings.cuts) - users.ratings.sharpness * of_first)
    rate = np.diff([0, *at_most, 1])

    explained = np.zeros(len(ideal))
    if act == Act.ENDORSE and named >= 0:
        explained[named] = users.critiques.explanation
    pull = users.critiques.sharpness * gap
    critique = softmax([*(pull + explained), *(explained - pull)])

    is_chip = np.zeros(len(ideal))
    if act == Act.CHIPS:
        is_chip[[a for a in attributes if a >= 0]] = 1
    refine = softmax(users.refinements.sharpness * ideal + users.refinements.salience * is_chip)

    critiques = users.critiques.logit + person.talkativeness
    refinements = users.refinements.logit + person.talkativeness
    modes = np.array([users.ignoring, 0, 0, users.ratings.logit, critiques, refinements, 0, 0, 0])
    admitted = ADMITTED[act]
    if isinstance(users, DialogueUsers):
        modes[6:] = users.inquiring, users.requesting, users.remarking
        modes = modes + np.broadcast_to(users.act_effects, [7, 9])[act]
        admitted = [act != Act.SILENT or mode == 0 for mode in range(9)]
    modes = softmax(np.where(admitted, modes, -np.inf))
    branches = [np.ones(1), choose, answer, rate, critique, refine, *[np.ones(1)] * 3]
    return np.concatenate([p * branch for p, branch in zip(modes, branches, strict=True)])
