"""Components alone, without users and documents."""

from typing import NamedTuple

import tensorflow as tf

from recsim_tf.core import nests, random, validation
from recsim_tf.core.stages import log_prob_per_user
from recsim_tf.core.types import Nest
from recsim_tf.dynamics.component import Component


class Paths(NamedTuple):
    """B paths of a component over T steps."""

    initial: Nest  # nest of [B, ...], the initial draws; () where there are none
    innovations: Nest  # nest of [T, B, ...]; () where there are none
    states: Nest  # nest of [T + 1, B, ...], the first at the start


def paths(
    component: Component, num_rows: int, num_steps: int, controls: Nest = None, seed=0
) -> Paths:
    """Simulates rows of a component, differentiably in its parameters.

    Args:
      component: what is simulated.
      num_rows: B, a Python int.
      num_steps: T, a Python int.
      controls: nest of [T, B, ...], of each step; None where the component needs none.
      seed: an integer or int32 [2].

    Raises:
      ValueError: if a number is no integer of at least 1, or if controls have other leading axes.
    """
    validation.check_count(num_rows=num_rows, num_steps=num_steps)
    _check_controls(controls, num_rows, num_steps)
    initial_seed, first_seed, loop_seed = random.split_seed(seed, 3)
    initial = _draw(component.initial_draws(num_rows), initial_seed)
    first = component.initial_state(initial, num_rows)
    # Only its structure is of use, so that a graph loses it again.
    innovation = _draw(component.innovation(first, _control(controls, 0)), first_seed)
    arrays = nests.arrays_like(innovation, num_steps), nests.arrays_like(first, num_steps + 1)

    def body(step, state, innovations, states, seed):
        seed, own_seed = random.split_seed(seed, 2)
        control = _control(controls, step)
        innovation = _draw(component.innovation(state, control), own_seed)
        state = component.update(state, control, innovation)
        innovations = nests.write(innovations, step, innovation)
        return step + 1, state, innovations, nests.write(states, step + 1, state), seed

    loop_vars = (0, first, arrays[0], nests.write(arrays[1], 0, first), loop_seed)
    _, _, innovations, states, _ = tf.while_loop(
        lambda *_: tf.constant(True), body, loop_vars, maximum_iterations=num_steps
    )
    return Paths(initial, nests.stack(innovations), nests.stack(states))


def paths_log_prob(component: Component, paths: Paths, controls: Nest = None) -> tf.Tensor:
    """The log-probability of the draws of paths, [B], differentiable in the component's parameters.

    Args:
      component: under which they are scored.
      paths: their initial draws and innovations; states are computed again. States that were
        observed are the draws of a component with `centred=True`.
      controls: nest of [T, B, ...], as for `paths`.

    Raises:
      ValueError: if controls have other leading axes than the innovations, or the component has no
        noise.
    """
    leaves = tf.nest.flatten(paths.innovations)
    if not leaves:
        raise ValueError("paths must have innovations, which are scored, got none")
    num_steps, num_rows = leaves[0].shape[:2]
    _check_controls(controls, num_rows, num_steps)
    first = component.initial_state(paths.initial, num_rows)
    prior = component.initial_draws(num_rows)
    total = tf.zeros([num_rows], component.dtype)
    if prior is not None:
        total = log_prob_per_user("initial", prior, paths.initial)

    def body(step, state, total):
        control, innovation = _control(controls, step), nests.at_step(paths.innovations, step)
        noise = component.innovation(state, control)
        total += log_prob_per_user("innovation", noise, innovation)
        return step + 1, component.update(state, control, innovation), total

    return tf.while_loop(
        lambda *_: tf.constant(True), body, (0, first, total), maximum_iterations=num_steps
    )[2]


def _draw(distribution, seed) -> Nest:
    return () if distribution is None else random.sample(distribution, seed)


def _control(controls: Nest, step) -> Nest:
    """The controls of one step; None stays."""
    return tf.nest.map_structure(
        lambda leaf: None if leaf is None else tf.gather(leaf, step), controls
    )


def _check_controls(controls: Nest, num_rows: int, num_steps: int) -> None:
    for leaf in tf.nest.flatten(controls):
        if leaf is None:
            continue
        shape = tf.TensorShape(tf.convert_to_tensor(leaf).shape)
        if shape[:2] != [num_steps, num_rows]:
            raise ValueError(
                f"controls must have the shape [num_steps={num_steps}, num_rows={num_rows}, ...],"
                f" got {shape}"
            )
