"""Trainings of several agents in one program, as a leading axis of members."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf
from tf_agents.agents import tf_agent

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.shared.population_agent import PopulationAgent
from recsim_tf.core import random
from recsim_tf.core.runs import replicas
from recsim_tf.experiment.training.loop import LearningLoop

# A variable of the population, and that of each member.
_Pairs = Iterable[tuple[tf.Variable, Sequence[tf.Variable]]]


class PopulationLoop:
    """Runs the learning loops of P agents, the *members*, as one program with the users of all.

    Each member has the users, the draws and the frames that its own loop would give it. So its
    parameters and returns are those of a training by itself, up to rounding. Distributions without
    an inverse CDF, such as Beta, draw other numbers, see `random.paired`.

    The state is in variables of the population. `load` reads it from the members' loops and
    `store` writes it there, so that checkpoints, policies and metrics of a member are those of a
    single training. The metrics stay with the members: every call counts into them.

    Args:
      loops: the loops of the members. Environments and `Iteration`s are the same but for seeds.

    Attributes:
      num_members: P.

    Raises:
      ValueError: for agents that cannot be members of one population, see `PopulationAgent`, for
        other `Iteration`s, or in the scope of a strategy with several replicas.
    """

    def __init__(self, loops: Sequence[LearningLoop]):
        replicas.require_one("a population")
        first = loops[0]
        if any(loop.learning != first.learning for loop in loops):
            raise ValueError("Iteration must be the same for all members of a population")
        self._members = list(loops)
        self.num_members = len(loops)
        batch_size, replay_length, collect_steps = first.learning.sizes(first.agent)
        learning = dataclasses.replace(
            first.learning,
            batch_size=None if batch_size is None else self.num_members * batch_size,
            replay_length=replay_length,
            collect_steps=collect_steps,
        )
        # `load` brings the members' own seeds.
        seeds = tf.zeros([self.num_members, 2], tf.int32)
        with random.paired(1, self.num_members):
            self._agent = PopulationAgent([loop.agent for loop in loops])
            environment = SlateEnvironment(
                first.simulator,
                self.num_members * first.num_users,
                seeds,
                first.simulator.validate,
            )
            self._loop = LearningLoop(environment, self._agent, learning, seeds, self.num_members)
        self.load()

    def load(self) -> None:
        """Reads the state of the members, which must have had the same iterations."""
        for whole, parts in self._pairs(_state):
            whole.assign(_joined(whole, parts))
        for whole, parts in self._pairs(_frames):
            whole.assign(_joined(whole, parts))
        for whole, parts in self._agent.exchanged():
            whole.assign(_stacked(whole, parts))

    def store(self, frames: bool = True) -> None:
        """Writes the state of the members, with or without the frames of their replays, which are
        nearly all of its size.
        """
        for whole, parts in self._pairs(_state):
            _divide(whole, parts)
        for whole, parts in self._pairs(_frames) if frames else ():
            _divide(whole, parts)
        for whole, parts in self._agent.exchanged():
            _unstack(whole, parts)

    def collect(self, num_iterations: int) -> None:
        """Steps all users `num_iterations` times without learning."""
        self._call(self._loop.collect, num_iterations)

    def run(self, num_iterations: int) -> list[tf_agent.LossInfo]:
        """Runs `num_iterations` iterations, at least one, and returns the last loss of each member.
        Raises a ValueError if the first train step would find fewer frames than a sequence has.
        """
        losses = tf.nest.map_structure(
            lambda leaf: leaf.numpy(), self._call(self._loop.run, num_iterations)
        )
        return [
            tf.nest.map_structure(lambda leaf, member=member: leaf[member], losses)
            for member in range(self.num_members)
        ]

    def num_added(self) -> int:
        """Frames of each user that were ever collected."""
        return int(self._loop.replay.num_added())

    def _call(self, function: Callable[[int], Any], num_iterations: int) -> Any:
        """The result of a call of the loop, which counts into the metrics of the members."""
        for whole, parts in self._pairs(_metrics):
            whole.assign(_joined(whole, parts))
        with random.paired(1, self.num_members):
            result = function(num_iterations)
        for whole, parts in self._pairs(_metrics):
            _divide(whole, parts)
        return result

    def _pairs(self, variables: Callable[[LearningLoop], Sequence[tf.Variable]]) -> _Pairs:
        of_members = zip(*map(variables, self._members), strict=True)
        return zip(variables(self._loop), of_members, strict=True)


def _metrics(loop: LearningLoop) -> Sequence[tf.Variable]:
    return loop.metrics.variables


def _state(loop: LearningLoop) -> Sequence[tf.Variable]:
    nests = (loop.environment.state, loop.policy_state)
    return [*tf.nest.flatten(nests), loop.replay.seed]


def _frames(loop: LearningLoop) -> Sequence[tf.Variable]:
    return [each for each in loop.replay.variables if each is not loop.replay.seed]


def _axis(whole: tf.Variable, part: tf.Variable) -> int | None:
    """The axis along which the variables of members make up that of the population: a new first
    one for what a member has once, such as a seed, and that of the users otherwise. None where the
    members share it.
    """
    if whole.shape.rank != part.shape.rank:
        return 0
    axes = [i for i, (m, n) in enumerate(zip(whole.shape, part.shape, strict=True)) if m != n]
    return axes[0] if axes else None


def _joined(whole: tf.Variable, parts: Sequence[tf.Variable]) -> tf.Tensor:
    axis = _axis(whole, parts[0])
    if axis is None:
        return tf.convert_to_tensor(parts[0])
    join = tf.concat if whole.shape.rank == parts[0].shape.rank else tf.stack
    return join([tf.convert_to_tensor(part) for part in parts], axis)


def _divide(whole: tf.Variable, parts: Sequence[tf.Variable]) -> None:
    axis = _axis(whole, parts[0])
    if axis is None:
        values = [tf.convert_to_tensor(whole)] * len(parts)
    elif whole.shape.rank == parts[0].shape.rank:
        values = tf.split(whole, len(parts), axis)
    else:
        values = tf.unstack(whole)
    for part, value in zip(parts, values, strict=True):
        part.assign(value)


def _stacked(whole: tf.Variable, parts: Sequence[tf.Variable]) -> tf.Tensor:
    """The value of a variable of the population [P, n], or of one that the members share."""
    if whole.shape == parts[0].shape:
        return tf.convert_to_tensor(parts[0])
    return tf.reshape(tf.stack([tf.convert_to_tensor(part) for part in parts]), whole.shape)


def _unstack(whole: tf.Variable, parts: Sequence[tf.Variable]) -> None:
    is_shared = whole.shape == parts[0].shape
    for member, part in enumerate(parts):
        part.assign(whole if is_shared else tf.reshape(whole[member], part.shape))
