# SPDX-License-Identifier: Apache-2.0
"""RecSim's choice models by its names, over recsim_tf's. A plugin of pytest for its test file."""

import importlib
import sys
import types
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.choice import affinity


def _softmax(vector: np.ndarray) -> np.ndarray:
    return choice.MultinomialLogit().weights(tf.constant(vector, tf.float64)).numpy()[:-1]


class _UserState:
    """The interests of a user of interest evolution."""

    def __init__(self, user_interests: np.ndarray):
        self._interests = user_interests

    def score_document(self, document: np.ndarray) -> float:
        vectors = (tf.constant(vector[np.newaxis]) for vector in (self._interests, document))
        return affinity.dot(*vectors).numpy()[0]


class _ChoiceModel:
    """A choice model with RecSim's methods. RecSim's tests read `_scores` and `_score_no_click`."""

    kind: type[choice.ChoiceModel]
    defaults: ClassVar[dict[str, float]] = {}  # RecSim's, where they differ

    def __init__(self, choice_features: dict[str, float]):
        self._model = self.kind(**{**self.defaults, **choice_features})

    def score_documents(self, user_state: _UserState, documents: np.ndarray) -> None:
        scores = tf.constant([[user_state.score_document(each) for each in documents]])
        self._distribution = self._model(scores)
        *self._scores, self._score_no_click = self._distribution.weights()[0].numpy()

    def choose_item(self) -> int | None:
        # The tests seed NumPy's generator.
        probs = self._distribution.probs[0].numpy()
        position = np.random.choice(len(probs), p=probs)
        return None if position == len(probs) - 1 else position


class _Logit(_ChoiceModel):
    kind = choice.MultinomialLogit


class _Proportional(_ChoiceModel):
    kind, defaults = choice.MultinomialProportional, {"no_click_mass": 0.0}


class _ExponentialCascade(_ChoiceModel):
    kind, defaults = choice.ExponentialCascade, {"attention_prob": 1.0}


class _ProportionalCascade(_ChoiceModel):
    kind, defaults = choice.ProportionalCascade, {"attention_prob": 1.0}


def module(name: str, **contents: Any) -> None:
    """Puts a module in the place of another one, also in the package that it is in."""
    made = sys.modules[name] = types.ModuleType(name)
    vars(made).update(contents)
    package, _, last = name.rpartition(".")
    if package in sys.modules:
        setattr(sys.modules[package], last, made)


def pytest_configure() -> None:
    importlib.import_module("recsim")
    module(
        "recsim.choice_model",
        softmax=_softmax,
        MultinomialLogitChoiceModel=_Logit,
        MultinomialProportionalChoiceModel=_Proportional,
        ExponentialCascadeChoiceModel=_ExponentialCascade,
        ProportionalCascadeChoiceModel=_ProportionalCascade,
    )
    # The package itself needs an older TensorFlow.
    module("recsim.environments", __path__=[])
    module("recsim.environments.interest_evolution", IEvUserState=_UserState)
