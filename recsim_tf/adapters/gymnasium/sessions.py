# SPDX-License-Identifier: Apache-2.0
"""Sessions in progress, and the graphs that start and step them."""

import functools
import secrets
from collections.abc import Callable
from typing import Any, Literal

import gymnasium
import numpy as np
import tensorflow as tf
from gymnasium.vector import AutoresetMode

from recsim_tf.adapters.gymnasium import spaces
from recsim_tf.adapters.gymnasium.words import Words
from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.types import Nest
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step import turns


class Steps:
    """The graphs that start and step B users.

    Each graph is traced at its first use. Graphs keep no state of a session, so copies of an
    environment share them, and a pickle holds only the arguments. A graph gives a carry, (state,
    seed), and a dict of arrays [B, ...]: `observation` and `response`, and in a step also `reward`,
    `terminated`, `truncated` and `shown`, which is false where an autoreset replaced the action.
    Responses are zeros where no slate was shown.

    Args:
      simulator: the simulator.
      num_users: B.
      flatten: True for an observation of one vector for each user, "dict" for a dict of vectors.
      distinct: whether repeated documents are replaced, as in `spaces.distinct`.
      autoreset_mode: NEXT_STEP; or SAME_STEP, where a step also has `final_observation` and
        `final_response`; or None, where users who left are not replaced.

    Raises:
      ValueError: if `simulator` is not a Simulator, or for another value of `flatten`.
    """

    @checked
    def __init__(
        self,
        simulator: Simulator,
        num_users: int,
        flatten: bool | Literal["dict"],
        distinct: bool,
        autoreset_mode: AutoresetMode | None,
    ):
        self._arguments = (simulator, num_users, flatten, distinct, autoreset_mode)
        if simulator.documents.shared:
            # All users of the environment are one world.
            simulator = simulator.replaced(users_per_world=None)
        self.simulator = simulator
        self.num_users = num_users
        self._flatten = flatten
        self._distinct = distinct
        self._autoreset_mode = autoreset_mode
        self._structure = spaces.observation_space(simulator)
        self.observation_space: gymnasium.spaces.Space = self._structure
        if flatten == "dict":
            self.observation_space = spaces.vectors_space(self._structure)
        elif flatten:
            self.observation_space = spaces.flat_space(self._structure)

    def __reduce__(self):
        return Steps, self._arguments

    def __deepcopy__(self, memo):
        return self

    @functools.cached_property
    def begin(self) -> "_Graph":
        """The graph that starts new sessions from a seed."""
        return _Graph(self._begin, tf.TensorSpec([2], tf.int32))

    @functools.cached_property
    def begin_again(self) -> "_Graph":
        """The graph that starts new sessions with the corpus and candidates of a carry."""
        return _Graph(self._begin_again, carry=self.begin.carry)

    @functools.cached_property
    def advance(self) -> "_Graph":
        """The graph of a step, from a carry and actions, slates int32 [B, K] or turns."""
        return _Graph(self._advance, self._action_spec, carry=self.begin.carry)

    @functools.cached_property
    def _action_spec(self) -> Nest:
        return _specs(turns.some_turn(self.simulator, self.num_users).action)

    @functools.cached_property
    def action_specs(self) -> list[tf.TensorSpec]:
        """The specs of the leaves of actions of B users."""
        return tf.nest.flatten(self._action_spec)

    @functools.cached_property
    def first_user(self) -> Callable[[Any], Any]:
        """The function of `spaces.first_user`."""
        return spaces.first_user(self.observation_space)

    def playable(self, state: Any, action: Nest) -> Nest:
        """The action for a step. It raises the errors of `Simulator.playable_action`."""
        simulator = self.simulator
        allowed = self._distinct or not simulator.validate
        return simulator.playable_action(state, action, allow_duplicates=allowed)

    def _begin(self, seed: tf.Tensor):
        seed, reset_seed = random.split_seed(seed, 2)
        state = self.simulator.reset(self.num_users, reset_seed)
        return (state, seed), self._results(state, state.response)

    def _begin_again(self, state, seed: tf.Tensor):
        seed, reset_seed = random.split_seed(seed, 2)
        state = self.simulator.replace(state, tf.ones_like(state.done), reset_seed)
        return (state, seed), self._results(state, state.response)

    def _advance(self, actions: Nest, state, seed: tf.Tensor):
        seed, step_seed, newcomer_seed = random.split_seed(seed, 3)
        actions = self.playable(state, actions)
        if self._distinct:
            actions = spaces.distinct(actions, self.simulator.num_candidates)
        step = self.simulator.step
        if self._autoreset_mode == AutoresetMode.NEXT_STEP:
            step = functools.partial(self.simulator.step_or_replace, newcomer_seed=newcomer_seed)
        state, transition = step(state, actions, step_seed)
        shown, final = transition.active, {}
        if self._autoreset_mode == AutoresetMode.SAME_STEP:
            ended = state.done
            shown = ~ended
            final = self._results(state, _where(ended, transition.response), prefix="final_")
            state = tf.cond(
                tf.reduce_any(ended),
                lambda: self.simulator.replace(state, ended, newcomer_seed),
                lambda: state,
            )
        results = {
            "reward": transition.reward,
            "terminated": transition.terminated,
            "truncated": transition.truncated,
            "shown": shown,
            **self._results(state, _where(shown, transition.response)),
            **final,
        }
        return (state, seed), results

    def _results(self, state, response: Nest, prefix="") -> dict[str, Nest]:
        observation = spaces.recsim_keys(self.simulator.observe(state))
        if self._flatten == "dict":
            observation = spaces.vectors(observation, self._structure)
        elif self._flatten:
            observation = spaces.flat(observation, self._structure)
        return {f"{prefix}observation": observation, f"{prefix}response": spaces.as_dicts(response)}


class _Graph:
    """The graph of a function of nests of tensors, which returns (carry, results).

    The graph takes the last of its arguments, a carry, and gives a carry and results as vectors of
    `Words`, which is faster for one user.

    Args:
      function: the function.
      *specs: specs of the arguments that are tensors of their own.
      carry: the words of the carry; None for a function without one.
    """

    def __init__(self, function: Callable, *specs: Nest, carry: Words | None = None):
        carries = [] if carry is None else [carry]
        leaves = tf.nest.flatten(specs)

        def packed(*tensors):
            arguments = list(tf.nest.pack_sequence_as(specs, tensors[: len(leaves)]))
            for words, vector in zip(carries, tensors[len(leaves) :], strict=True):
                arguments += words.tensors(vector)
            after, results = function(*arguments)
            self.carry, self._results = Words(after), Words(results)
            return self.carry.packed(after), self._results.packed(results)

        signature = [*leaves, *(words.spec for words in carries)]
        self._call = compiled(packed).get_concrete_function(*signature)

    def __call__(self, *tensors: tf.Tensor) -> tuple[tf.Tensor, Any]:
        carry, results = self._call(*tensors)
        return carry, self._results.arrays(results.numpy())


class Session:
    """A session in progress, which holds the carry of `Steps`.

    Args:
      steps: the steps of the users.
      seed: an integer; None draws a seed.
    """

    def __init__(self, steps: Steps, seed: int | None):
        self.steps = steps
        self._seed = random.as_seed(secrets.randbits(64) if seed is None else seed)
        self._carry: tf.Tensor | None = None

    def reset(self, seed: int | None) -> dict[str, Any]:
        """Starts new sessions. Without a seed persistent candidates and the corpus stay."""
        if self._carry is None or seed is not None:
            start = self._seed if seed is None else random.as_seed(seed)
            self._carry, results = self.steps.begin(start)
        else:
            self._carry, results = self.steps.begin_again(self._carry)
        return results

    def step(self, action: Nest) -> dict[str, Any]:
        """Shows slates, or turns.

        Args:
          action: an action from `spaces.as_arrays`, slates [B, k] with k <= K or a `Turn` of slates
            and queries. The values have no effect for users who have left.

        Raises:
          ValueError: for a bad action.
          gymnasium.error.ResetNeeded: before the first reset.
        """
        if self._carry is None:
            raise gymnasium.error.ResetNeeded("there is no session: call reset() before step()")
        try:
            self._carry, results = self.steps.advance(*self._formed(action), self._carry)
        except tf.errors.InvalidArgumentError:
            self._playable(action)  # Its error names the fault and the user.
            raise
        return results

    def _formed(self, action: Nest) -> list[Any]:
        """The leaves of an action of the right form. Most actions have it, which is cheap to check
        in NumPy. The simulator pads or refuses all others.
        """
        leaves, specs = tf.nest.flatten(action), self.steps.action_specs
        if len(leaves) == len(specs):
            formed = list(map(_formed, leaves, specs))
            if all(leaf is not None for leaf in formed):
                return formed
        return tf.nest.flatten(self._playable(action))

    def _playable(self, action: Nest) -> Nest:
        state, _ = self.steps.begin.carry.tensors(self._carry)
        return self.steps.playable(state, action)


def _formed(leaf: np.ndarray, spec: tf.TensorSpec) -> tf.Tensor | None:
    """An array as a tensor of a spec; None if more than the width of its numbers differs."""
    dtype = spec.dtype.as_numpy_dtype
    if leaf.shape != spec.shape or leaf.dtype.kind != np.dtype(dtype).kind:
        return None
    numbers = leaf.astype(dtype)
    return tf.constant(numbers) if (numbers == leaf).all() else None


def _specs(nest: Nest) -> Nest:
    return tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), nest)


def _where(who: tf.Tensor, nest: Nest):
    return nests.where(who, nest, nests.zeros_like(nest))
