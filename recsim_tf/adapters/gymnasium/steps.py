"""How users start and are stepped, as functions that are traced once."""

import functools

import tensorflow as tf
from gymnasium.vector import AutoresetMode

from recsim_tf.adapters.gymnasium import spaces
from recsim_tf.adapters.gymnasium.traced import Traced
from recsim_tf.core import nests, random, turns
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, SimulatorState

_SEED = tf.TensorSpec([2], tf.int32)


class Steps:
    """The functions that start and step B users.

    Each is traced at its first use. They keep nothing of a session, so that copies of an
    environment share them; a pickle has the arguments alone. Besides the carry, (state, seed), they
    give a dict of arrays: `observation`, `response`, and of a step `reward`, `terminated`,
    `truncated` and `shown`, which is false where an autoreset took the place of the action.
    Responses are zeros where there was none.

    Args:
      simulator: the simulator.
      num_users: B; None is one user, in arrays without the axis of users.
      flatten: whether an observation is one vector.
      autoreset_mode: NEXT_STEP; or SAME_STEP, where a step also has `final_observation` and
        `final_response`; or None, where users stay as they left.
    """

    def __init__(
        self,
        simulator: Simulator,
        num_users: int | None,
        flatten: bool,
        autoreset_mode: AutoresetMode | None,
    ):
        self._arguments = (simulator, num_users, flatten, autoreset_mode)
        if simulator.documents.shared:
            # All users of the environment are one world.
            simulator = simulator.replaced(users_per_world=None)
        self.simulator = simulator
        self.num_users = num_users or 1
        self._of_one = num_users is None
        self._flatten = flatten
        self._autoreset_mode = autoreset_mode
        self._structure = spaces.observation_space(simulator)
        self.observation_space = spaces.flat_space(self._structure) if flatten else self._structure

    def __reduce__(self):
        return Steps, self._arguments

    def __deepcopy__(self, memo):
        return self

    @functools.cached_property
    def begin(self) -> Traced:
        """Of the seed: new sessions."""
        return Traced(self._begin, _SEED, of_one=self._of_one)

    @functools.cached_property
    def begin_again(self) -> Traced:
        """Of the carry: new sessions, with the corpus and persistent candidates of the last."""
        return Traced(self._begin_again, *self.begin.carry, of_one=self._of_one)

    @functools.cached_property
    def advance(self) -> Traced:
        """Of actions, slates int32 [B, K] or turns, and the carry: a step."""
        some = turns.some_turn(self.simulator, self.num_users).action
        actions = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), some)
        return Traced(self._advance, actions, *self.begin.carry, of_one=self._of_one)

    def state(self, carry: list[tf.Tensor]) -> SimulatorState:
        """The state in a carry."""
        return tf.nest.pack_sequence_as(self.begin.carry, carry)[0]

    def _begin(self, seed):
        seed, reset_seed = random.split_seed(seed, 2)
        state = self.simulator.reset(self.num_users, reset_seed)
        return (state, seed), self._results(state, state.response)

    def _begin_again(self, state, seed):
        seed, reset_seed = random.split_seed(seed, 2)
        state = self.simulator.replace(state, tf.ones_like(state.done), reset_seed)
        return (state, seed), self._results(state, state.response)

    def _advance(self, actions, state, seed):
        seed, step_seed, newcomer_seed = random.split_seed(seed, 3)
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

    def _results(self, state, response, prefix="") -> dict[str, Nest]:
        return {
            f"{prefix}observation": self._observe(state),
            f"{prefix}response": spaces.as_dicts(response),
        }

    def _observe(self, state):
        observation = spaces.recsim_keys(self.simulator.observe(state))
        return spaces.flat(observation, self._structure) if self._flatten else observation


def _where(who, nest):
    return nests.where(who, nest, nests.zeros_like(nest))
