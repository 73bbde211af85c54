"""Extreme numbers of every registered model are refused by name, or do no harm."""

import dataclasses
import functools
import math
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import recsim_tf
from recsim_tf import choice
from recsim_tf.core.parameters import Model
from recsim_tf.environments import (
    conversation,
    drifting_taste,
    ecosystem,
    interest_evolution,
    page_clicks,
    soft_attributes,
)
from recsim_tf.policies import random_policy
from tests.properties.damage import one_line

SIZES = {"slate_size": 2, "num_candidates": 4, "max_steps": 5}
NUM_STEPS = 3
NAN, INF = math.nan, math.inf
NUMBERS = (NAN, INF, -INF, 1e39, 1e38, -1e38, 1e30, 1e-42, -1e-42, -1.0, 0.0)
COUNTS = (NAN, INF, 10**11, 2**70, -1, 0, 2.5, True, None, "2")
# Methods of models, which `recsim_tf.check` names.
METHOD = re.compile(r"^(\w+\.\w+|reward_fn|the state\S*)(:| must| and| of) ")


def _concrete(kind):
    for sub in kind.__subclasses__():
        if not getattr(sub, "__abstractmethods__", None):
            yield sub
        yield from _concrete(sub)


def _made(name, **models):
    # A few users are a small world.
    return recsim_tf.make(name, **SIZES, users_per_world=None, **models)


def _with_choice_model(kind):
    users = interest_evolution.InterestEvolutionUsers(choice_model=kind())
    return recsim_tf.interest_evolution(users, **SIZES)


# Every model that is registered, and every choice model; with a value for what may be None.
SIMULATORS = {name: functools.partial(_made, name) for name in recsim_tf.registered()}
SIMULATORS |= {
    kind.__name__: functools.partial(_with_choice_model, kind)
    for kind in _concrete(choice.ChoiceModel)
}
SIMULATORS |= {
    "InterestEvolution-v1, hazard": lambda: recsim_tf.interest_evolution(
        interest_evolution.InterestEvolutionUsers(
            10, departure_temperature=1.0, user_quality_factor=0.1
        ),
        interest_evolution.UtilityVideos(10, topic_quality_means=[0.1] * 10),
        **SIZES,
    ),
    "InterestEvolution-v1, shared": lambda: recsim_tf.interest_evolution(
        documents=recsim_tf.SharedCandidates(interest_evolution.PlainVideos()), **SIZES
    ),
    "Ecosystem-v0, leaving": lambda: _made(
        "Ecosystem-v0",
        documents=ecosystem.Providers(ecosystem.provider_layout(0), leaving_hazard=0.1),
    ),
    "DriftingTaste-v0, popularity": lambda: recsim_tf.drifting_taste(
        drifting_taste.DriftingTasteUsers(2, choice_model=choice.MultinomialLogit(0.0)),
        drifting_taste.Catalogue(6, 2, pull=np.eye(6, 2), popularity=[1.0] * 6),
        **SIZES,
    ),
    "Conversation-v0, senses": lambda: recsim_tf.conversation(
        conversation.ConversationUsers(
            3, num_attributes=2, num_senses=2, sense_probs=(0.4, 0.6), act_effects=np.zeros([7, 9])
        ),
        conversation.Items(6, 3, bias=[0.1] * 6),
        **SIZES,
    ),
    "ratings and tags": lambda: soft_attributes.ratings_and_tags(
        soft_attributes.TaggingUsers(6, 4, 2, 2, topics=np.ones([2, 4]), max_ratings=2), **SIZES
    ),
    "PageClicks-v0, categories": lambda: recsim_tf.page_clicks(
        page_clicks.PageClickUsers(position_effect=[0.0, 0.1]),
        page_clicks.PageItems(
            5,
            categories=np.arange(10).reshape(5, 2) % 3,
            category_effect=np.zeros([2, 3]),
            numeric=np.linspace(-1, 1, 5),
            affinity_probs=(0.5, 0.3, 0.2),
        ),
        **SIZES,
    ),
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


def _simulated(simulator):
    num_users = simulator.num_users or 2
    trajectory = simulator.rollout(random_policy(simulator), num_users, NUM_STEPS, seed=0)
    return trajectory.transitions.reward, simulator.replay(trajectory)


def _is_finite(nest):
    return all(
        np.isfinite(leaf.numpy()).all() for leaf in tf.nest.flatten(nest) if leaf.dtype.is_floating
    )


def _refused(error, *names):
    """Requires one line that names an argument, or a method of a model."""
    message = one_line(error)
    assert any(name in message for name in names) or METHOD.match(message), message


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
        is_finite = _is_finite(_simulated(simulator))
    except (ValueError, tf.errors.OpError):
        is_finite = False
    # What shows in simulations only is found by the check, which every command runs.
    if not is_finite:
        with pytest.raises(ValueError) as found:  # noqa: PT011
            recsim_tf.check(simulator)
        _refused(found.value, argument)
