# SPDX-License-Identifier: Apache-2.0
"""RecSim NG's affinities, selectors and dynamics by its names, over recsim_tf's. A plugin of pytest
for its test files. Values, specs and random variables stay RecSim NG's and Edward2's.
"""

import sys
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf
from judging.recsim_names import module
from tensorflow_probability import distributions as tfd

from recsim_tf import choice, dynamics
from recsim_tf.choice import affinity
from recsim_tf.core import random
from recsim_tf.core.distributions import PlackettLuce

# Edward2 0.0.2 and RecSim NG 0.1.2 ask for names that NumPy 2 and today's SciPy lack.
np.Inf = np.inf
sys.modules["edward2.numpy"] = mock.MagicMock()

import edward2 as ed  # noqa: E402
from gym import spaces  # noqa: E402
from recsim_ng.core.value import Value, ValueSpec  # noqa: E402
from recsim_ng.entities.state_models import state  # noqa: E402
from recsim_ng.lib.tensorflow import field_spec  # noqa: E402

_SEED = 0


def _specs(**shapes: Any) -> ValueSpec:
    boxes = {
        name: spaces.Box(-np.inf, np.inf, shape=tuple(shape)) for name, shape in shapes.items()
    }
    return ValueSpec(**{name: field_spec.Space(box) for name, box in boxes.items()})


class TargetPointSimilarity:
    """Affinities of users to documents."""

    def __init__(self, batch_shape, slate_size, similarity_type="negative_euclidean"):
        self._shape = (*batch_shape, slate_size)
        self._affinity = getattr(affinity, similarity_type.replace("negative_cosine", "cosine"))

    def affinities(self, users, documents, affinity_peaks=None):
        users, documents = map(tf.convert_to_tensor, (users, documents))
        if documents.shape.rank == 2:  # The documents are the same for all users.
            documents = documents[tf.newaxis]
        peaks = () if affinity_peaks is None else (affinity_peaks,)
        return Value(affinities=self._affinity(users, documents, *peaks))

    def specs(self):
        return _specs(affinities=self._shape)


class MultinomialLogitChoiceModel:
    """A choice of one position of a slate, or of none."""

    def __init__(self, batch_shape, nochoice_logits):
        self._shape, self._no_choice = tuple(batch_shape), nochoice_logits

    def choice(self, logits):
        logits = tf.convert_to_tensor(logits)
        model = choice.MultinomialLogit(no_click_mass=tf.reshape(self._no_choice, [-1]))
        distribution = model(tf.reshape(logits, [-1, logits.shape[-1]]))
        return self._value(random.sample(distribution, _SEED))

    def _value(self, positions):
        return Value(choice=tf.reshape(positions, self.specs().get("choice").space.shape))

    def specs(self):
        return _specs(choice=self._shape)


class IteratedMultinomialLogitChoiceModel(MultinomialLogitChoiceModel):
    """Choices of several positions of a slate, without repetition."""

    def __init__(self, num_choices, batch_shape, nochoice_logits):
        super().__init__(batch_shape, nochoice_logits)
        self._num_choices = num_choices

    def choice(self, logits):
        outcomes = tf.concat([logits, self._no_choice[..., tf.newaxis]], axis=-1)
        flat = tf.reshape(outcomes, [-1, outcomes.shape[-1]])
        return self._value(random.sample(PlackettLuce(flat, self._num_choices), _SEED))

    def specs(self):
        return _specs(choice=(*self._shape, self._num_choices))


class FiniteStateMarkovModel(state.StateModel):
    """A Markov chain whose control chooses a table."""

    def __init__(self, transition_parameters, initial_dist_logits):
        super().__init__()
        self._shape = initial_dist_logits.shape[:-1]
        self._chain = dynamics.MarkovChain(transition_parameters, initial_dist_logits)
        self._num_rows = self._shape.num_elements()

    def initial_state(self, parameters=None):
        return self._drawn(self._chain.initial_draws(self._num_rows))

    def next_state(self, old_state, inputs, parameters=None):
        number = tf.reshape(old_state.get("state"), [-1])
        one_hot = self._chain.initial_state(number, self._num_rows)
        control = tf.broadcast_to(inputs.get("input"), [self._num_rows])
        return self._drawn(self._chain.innovation(one_hot, control))

    def _drawn(self, distribution):
        """A random variable of Edward2 with the probabilities of a distribution."""
        states = tf.range(self._chain.num_states)[:, tf.newaxis]
        logits = tf.transpose(distribution.log_prob(states))
        return Value(state=ed.Categorical(logits=tf.reshape(logits, [*self._shape, -1])))

    def specs(self):
        return _specs(state=self._shape)


class ControlledLinearGaussianStateModel(state.StateModel):
    """A linear Gaussian state, with parameters that are given at once or with each call."""

    def __init__(self, **given):
        super().__init__()
        self._operators = {name: given.pop(name, None) for name in _OPERATORS}
        self._given = Value(**{name: value for name, value in given.items() if value is not None})

    def _component(self, parameters):
        parameters = self._given if parameters is None else parameters
        matrices = {}
        for name, (keyword, parameter) in _OPERATORS.items():
            if self._operators[name] is not None:
                operator = self._operators[name](parameters.get(parameter))
                matrices[keyword] = operator.to_dense()
        self._shape = matrices["initial_scale"].shape[:-1]
        size = int(self._shape[-1])
        return dynamics.LinearGaussian(size, **matrices, centred="noise" in matrices)

    def initial_state(self, parameters=None):
        component = self._component(parameters)
        return Value(state=_normal(component.initial_draws(int(self._shape[0]))))

    def next_state(self, old_state, inputs, parameters=None):
        component = self._component(parameters)
        control = () if component.gain is None else inputs.get("input")
        before = tf.convert_to_tensor(old_state.get("state"))
        innovation = component.innovation(before, control)
        if innovation is not None:
            return Value(state=_normal(innovation))
        after = component.update(before, control, ())
        return Value(state=ed.Independent(tfd.Deterministic(after), 1))

    def specs(self):
        return _specs(state=self._shape)


# By the names of RecSim NG's makers of operators: the name in recsim_tf, and that of the parameter.
_OPERATORS = {
    "transition_op_ctor": ("transition", "transition_parameters"),
    "control_op_ctor": ("gain", "control_parameters"),
    "transition_noise_scale_ctor": ("noise", "transition_noise_scale"),
    "initial_dist_scale_ctor": ("initial_scale", "initial_dist_scale"),
}


def _normal(distribution):
    """A random variable of Edward2 with the mean and the covariance of a distribution. The tests
    know what Edward2 draws with their seed.
    """
    scale = tf.linalg.LinearOperatorLowerTriangular(tf.linalg.cholesky(distribution.covariance()))
    return ed.MultivariateNormalLinearOperator(loc=distribution.mean(), scale=scale)


class _Branch(dynamics.Component):
    """One of RecSim NG's state models as a component, with a number in each row."""

    model: Any

    def initial_state(self, draws, num_rows):
        return tf.reshape(self.model.initial_state().get("state"), [num_rows])

    def update(self, state, control, innovation):
        return self.model.next_state(Value(state=state), Value(inputs=control)).get("state")


class SwitchingDynamicsStateModel(state.StateModel):
    """One of two state models for each number of a state, by a condition."""

    def __init__(self, true_model, false_model):
        super().__init__()
        self._model = false_model
        self._switch = self._switched(_Branch(true_model), _Branch(false_model))

    def _switched(self, true_branch, false_branch):
        return dynamics.Where(true_branch, false_branch)

    def initial_state(self, parameters=None):
        shape = self._model.initial_state().get("state").shape
        first = self._switch.initial_state((), shape.num_elements())
        return Value(state=tf.reshape(first, shape))

    def next_state(self, old_state, inputs, parameters=None):
        condition, before = inputs.get("condition"), old_state.get("state")
        while condition.shape.rank < before.shape.rank:
            condition = condition[..., tf.newaxis]
        condition = tf.reshape(tf.broadcast_to(condition, before.shape), [-1])
        control = (condition, inputs.get("inputs"))
        after = self._switch.update(tf.reshape(before, [-1]), control, ())
        return Value(state=tf.reshape(after, before.shape))

    def specs(self):
        return self._model.specs()


class ResetOrContinueStateModel(SwitchingDynamicsStateModel):
    """A state model that begins anew where a condition holds."""

    def __init__(self, model):
        super().__init__(model, model)

    def _switched(self, true_branch, false_branch):
        return dynamics.Where(dynamics.Restart(true_branch), false_branch)


def _contents(*classes: type) -> dict[str, type]:
    return {each.__name__: each for each in classes}


def pytest_configure() -> None:
    models = "recsim_ng.entities.choice_models"
    module(f"{models}.affinities", **_contents(TargetPointSimilarity))
    selectors = (MultinomialLogitChoiceModel, IteratedMultinomialLogitChoiceModel)
    module(f"{models}.selectors", **_contents(*selectors))
    module(
        "recsim_ng.entities.state_models.dynamic",
        LinearGaussianStateModel=ControlledLinearGaussianStateModel,
        **_contents(
            FiniteStateMarkovModel,
            ControlledLinearGaussianStateModel,
            SwitchingDynamicsStateModel,
            ResetOrContinueStateModel,
        ),
    )
