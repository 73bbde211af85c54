# SPDX-License-Identifier: Apache-2.0
"""Simulation and scores of a component without users and documents."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.step.stages import log_prob_per_user
from recsim_tf.dynamics.component import Component


class Paths(NamedTuple):
    """Paths of a component over T steps in B rows."""

    initial: Nest  # nest of [B, ...], the initial draws; () where there are none
    innovations: Nest  # nest of [T, B, ...]; () where there are none
    states: Nest  # nest of [T + 1, B, ...], the first at the start


@checked
def paths(
    component: Component, num_rows: Count, num_steps: Count, controls: Nest = (), seed: Seed = 0
) -> Paths:
    """Simulates rows of a component, differentiably in its parameters.

    Args:
      component: the component to simulate.
      num_rows: B, a Python int.
      num_steps: T, a Python int.
      controls: nest of [T, B, ...], the controls of all steps; () where the component needs none.
      seed: an integer or int32 [2].

    Raises:
      ValueError: if a number is no integer of at least 1, or if controls have other leading axes.
    """
    _check_controls(controls, num_rows, num_steps)
    initial_seed, first_seed, loop_seed = random.split_seed(seed, 3)
    initial = _draw(component.initial_draws(num_rows), initial_seed)
    first = component.initial_state(initial, num_rows)
    # Only the structure of this draw is used, so a graph drops its operations.
    innovation = _draw(component.innovation(first, nests.at_step(controls, 0)), first_seed)

    def step(carried: Nest, number: tf.Tensor):
        state, _, seed = carried
        seed, step_seed = random.split_seed(seed, 2)
        control = nests.at_step(controls, number)
        innovation = _draw(component.innovation(state, control), step_seed)
        return component.update(state, control, innovation), innovation, seed

    states, innovations, _ = tf.scan(step, tf.range(num_steps), (first, innovation, loop_seed))
    states = tf.nest.map_structure(
        lambda start, rest: tf.concat([start[tf.newaxis], rest], axis=0), first, states
    )
    return Paths(initial, innovations, states)


def paths_log_prob(component: Component, paths: Paths, controls: Nest = ()) -> tf.Tensor:
    """The log-probability of the draws of paths, [B], differentiable in the component's parameters.

    Args:
      component: the component that scores the draws.
      paths: paths with initial draws and innovations; states are computed again. Observed states
        are the innovations of a component with `centred=True`.
      controls: nest of [T, B, ...], the controls of `paths`.

    Raises:
      ValueError: if controls have other leading axes than the innovations, or the component has no
        noise.
    """
    leaves = tf.nest.flatten(paths.innovations)
    if not leaves:
        raise ValueError("paths must have innovations, which are scored, got no innovations")
    num_steps, num_rows = leaves[0].shape[:2]
    _check_controls(controls, num_rows, num_steps)
    first = component.initial_state(paths.initial, num_rows)
    prior = component.initial_draws(num_rows)
    total = tf.zeros([num_rows], component.dtype)
    if prior is not None:
        total = log_prob_per_user("initial", prior, paths.initial)

    def step(carried: Nest, number: tf.Tensor):
        state, total = carried
        control, innovation = nests.at_step((controls, paths.innovations), number)
        noise = component.innovation(state, control)
        total += log_prob_per_user("innovation", noise, innovation)
        return component.update(state, control, innovation), total

    return tf.foldl(step, tf.range(num_steps), (first, total))[1]


def _draw(distribution: tfd.Distribution | None, seed: Seed) -> Nest:
    return () if distribution is None else random.sample(distribution, seed)


def _check_controls(controls: Nest, num_rows: int, num_steps: int) -> None:
    expected = [num_steps, num_rows]
    for leaf in tf.nest.flatten(controls):
        if list(np.shape(leaf)[:2]) != expected:
            raise ValueError(f"controls must have shape {expected} first, got {np.shape(leaf)}")
