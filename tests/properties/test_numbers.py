# SPDX-License-Identifier: Apache-2.0
"""Extreme numbers of every registered model are refused by name, or do no harm."""

import dataclasses
import functools
import inspect
import math
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import recsim_tf
from recsim_tf import choice
from recsim_tf.core.base.parameters import Model
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers
from recsim_tf.policies import random_policy
from tests.properties.damage import one_line

# A few users are a small world.
SIZES = {"slate_size": 2, "num_candidates": 4, "max_steps": 5, "users_per_world": None}
NUM_STEPS = 3
NAN, INF = math.nan, math.inf
NUMBERS = (NAN, INF, -INF, 1e39, 1e38, -1e38, 1e30, 1e-42, -1e-42, -1.0, 0.0)
COUNTS = (NAN, INF, 10**11, 2**70, -1, 0, 2.5, True, None, "2")
# Methods of models, which `recsim_tf.check` names.
METHOD = re.compile(r"^(\w+\.\w+|reward_fn|the state\S*)(:| must| and| of) ")


def _subclasses(kind):
    for sub in kind.__subclasses__():
        yield from (sub, *_subclasses(sub))


# Every model that is registered, and every choice model.
SIMULATORS = {
    name: functools.partial(recsim_tf.make, name, **SIZES) for name in recsim_tf.registered()
}
SIMULATORS |= {
    kind.__name__: lambda kind=kind: recsim_tf.interest_evolution(
        InterestEvolutionUsers(choice_model=kind()), **SIZES
    )
    for kind in _subclasses(choice.ChoiceModel)
    if not inspect.isabstract(kind)
}
simulator_of = functools.cache(lambda name: SIMULATORS[name]())


def _fields(prefix, model):
    """Paths and values of the numbers of a model and of the models inside it."""
    for field in dataclasses.fields(model):
        value, path = getattr(model, field.name), f"{prefix}{field.name}"
        if isinstance(value, Model):
            yield from _fields(f"{path}.", value)
        elif field.metadata or (type(value) in (int, float) and field.name != "seed"):
            yield path, value


def _changed(value, number, everywhere):
    """A value with an extreme number everywhere, or in its last entry."""
    array = np.array(1.0 if value is None else value, np.float64)
    if everywhere or not array.ndim:
        return np.full_like(array, number).tolist()
    array.flat[-1] = number
    return array.tolist()


def _with(model, path, value):
    first, _, rest = path.partition(".")
    inner = _with(getattr(model, first), rest, value) if rest else value
    return dataclasses.replace(model, **{first: inner})


def _is_finite(simulator):
    """Whether rewards, states and log-probabilities of a short simulation are finite."""
    num_users = simulator.num_users or 2
    trajectory = simulator.rollout(random_policy(simulator), num_users, NUM_STEPS, seed=0)
    states, scores = simulator.replay(trajectory), simulator.log_prob(trajectory)
    found = tf.nest.flatten((trajectory.transitions.reward, states, scores))
    return all(np.isfinite(leaf).all() for leaf in found if leaf.dtype.is_floating)


def _refused(error, *names):
    """Requires one line that names an argument, or a method of a model."""
    message = one_line(error)
    assert any(name in message for name in names) or METHOD.match(message), message


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATORS)
@given(data=st.data())
def test_an_extreme_number_is_refused_by_name_or_does_no_harm(name, data):
    path, value = data.draw(st.sampled_from(list(_fields("", simulator_of(name)))))
    if type(value) is int:
        changed = data.draw(st.sampled_from(COUNTS))
    else:
        changed = _changed(value, data.draw(st.sampled_from(NUMBERS)), data.draw(st.booleans()))
    argument = path.rpartition(".")[2]
    try:
        simulator = _with(simulator_of(name), path, changed)
    except ValueError as error:
        _refused(error, argument)
        return
    assert not np.isnan(np.asarray(0.0 if changed is None else changed, np.float64)).any()
    try:
        is_finite = _is_finite(simulator)
    except (ValueError, tf.errors.OpError):
        is_finite = False
    # What shows in simulations only is found by the check, which every command runs.
    if not is_finite:
        with pytest.raises(ValueError) as found:  # noqa: PT011
            recsim_tf.check(simulator)
        _refused(found.value, argument)
