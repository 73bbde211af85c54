"""Draws that the simulator's distributions can make, and responses that its users can give."""

import textwrap
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from recsim_tf.adapters.episodes.values import Fault
from recsim_tf.core import nests
from recsim_tf.core.bounds import BoundedTensorSpec, bounded_specs
from recsim_tf.core.distributions import impossible, outside
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.stages import Recorded
from recsim_tf.core.types import InitialDraws, Nest, SimulatorState, Trajectory, Transition
from recsim_tf.errors import one_line

# How far a response that is computed again may be from the one that was logged.
_TOLERANCE = 1e-3
_WIDTH = 60

# Bool [B] by feature: the rows whose value is impossible.
_Bad = dict[str, tf.Tensor]


class Scoring:
    """Goes through sessions with their draws, as `Simulator.log_prob` does.

    A draw is impossible if its log-probability is -inf or NaN. An observed response is if it is
    outside the range that the model declares, and is not what the draws give.

    Args:
      simulator: the simulator.
      num_users: B, the sessions that are scored at once.
    """

    def __init__(self, simulator: Simulator, num_users: int):
        self._simulator, self._num_users = simulator, num_users
        self._compiled = compiled(self._begin), compiled(self._step)
        self._watched, self._step_number = _Watched("", {}), -1

    def first_fault(self, trajectory: Trajectory) -> Fault | None:
        """The first session with an impossible value.

        Args:
          trajectory: of NumPy arrays, [T, B, ...].
        """
        if not self._is_bad(trajectory):
            return None
        # A batch may end with an error of TensorFlow that does not name the session.
        good, bad = 0, self._num_users
        while bad - good > 1:
            middle = (good + bad) // 2
            first = np.minimum(np.arange(self._num_users), middle - 1)
            good, bad = (good, middle) if self._is_bad(_take(trajectory, first)) else (middle, bad)
        alone = _take(trajectory, np.full(self._num_users, bad - 1))
        alone = tf.nest.map_structure(tf.convert_to_tensor, alone)
        return Fault(bad - 1, self._reason(alone))

    def _is_bad(self, trajectory: Trajectory) -> bool:
        """Whether there is an impossible value."""
        try:
            return any(
                rows.numpy()[active].any()
                for active, bad in self._scored(trajectory, *self._compiled)
                for rows in bad.values()
            )
        except tf.errors.OpError:
            return True

    def _reason(self, trajectory: Trajectory) -> str:
        """What is wrong with a session that stands in all rows."""
        error = ""
        try:
            for active, bad in self._scored(trajectory, self._begin, self._step):
                if any(rows.numpy()[active].any() for rows in bad.values()):
                    break
        except (tf.errors.OpError, ValueError) as raised:
            error = f" ({one_line(raised)})"
        step, bad = self._step_number, self._watched.bad
        place = f" at step {step}" if step >= 0 else ""
        if not bad:
            # The action is checked before anything is drawn.
            what = "features slate and query" if trajectory.transitions.query else "feature slate"
            return f"{what} must be an action that the simulator takes{place}{error}"
        # After an error, the stage that was scored last.
        name = next((name for name in bad if bad[name].numpy().any()), list(bad)[-1])
        group, _, stage = name.partition("/")
        if group == "response":
            return f"feature {name} must be in the range that the users declare{place}{error}"
        recorded = trajectory.initial if group == "initial" else trajectory.transitions.draws
        value = tf.nest.flatten(recorded._asdict()[stage])
        shown = ", ".join(str((leaf[step, 0] if step >= 0 else leaf[0]).numpy()) for leaf in value)
        return (
            f"feature {name} must be a draw that the simulator can make, got"
            f" {textwrap.shorten(shown, _WIDTH, placeholder=' ...')}{place}{error}"
        )

    def _scored(
        self, trajectory: Trajectory, begin: Callable, step: Callable
    ) -> Iterator[tuple[np.ndarray, _Bad]]:
        """At the start and after each step: which sessions are active, bool [B], and what is
        bad.
        """
        self._step_number = -1
        state, bad = begin(trajectory.initial)
        yield np.ones(self._num_users, bool), bad
        for number, active in enumerate(np.asarray(trajectory.transitions.active)):
            self._step_number = number
            state, bad = step(state, nests.at_step(trajectory.transitions, number))
            yield active, bad

    def _begin(self, initial: InitialDraws) -> tuple[SimulatorState, _Bad]:
        self._watched = watched = _Watched("initial", initial._asdict())
        self._simulator.begin(self._num_users, watched)
        return self._simulator.initial_state(initial), watched.bad

    def _step(self, state: SimulatorState, transition: Transition) -> tuple[SimulatorState, _Bad]:
        self._watched = watched = _Watched("draws", transition.draws._asdict())
        next_state, again, _ = self._simulator.advance(state, transition.action, watched)
        observe = self._simulator.users.observe_response
        logged, computed = observe(transition.response), observe(again.response)
        specs = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), logged)
        bounded = bounded_specs("response", specs, self._simulator.users.response_bounds())
        leaves = map(tf.nest.flatten, (bounded, logged, computed))
        for spec, one, other in zip(*leaves, strict=True):
            watched.bad[spec.name] = _unlike(spec, one, other)
        return next_state, watched.bad


class _Watched(Recorded):
    """Recorded draws, and which of them are impossible.

    Args:
      group: of the features, "initial" or "draws".
      draws: by stage.
    """

    def __init__(self, group: str, draws: dict[str, Nest]):
        super().__init__(draws)
        self._group = group
        self.bad: _Bad = {}

    def sample(self, stage, distribution, who=None):
        draw = super().sample(stage, distribution, who)
        name = f"{self._group}/{stage}"
        self.bad[name] = bad = outside(distribution, draw)
        # The log-probability of such a draw may be an error.
        if not (tf.executing_eagerly() and bool(tf.reduce_any(bad))):
            self.bad[name] = bad | impossible(distribution, draw)
        return draw


def _unlike(spec: BoundedTensorSpec, logged: tf.Tensor, computed: tf.Tensor) -> tf.Tensor:
    """Bool [B]: which rows are outside of the range, and are not what the draws give."""
    if spec.dtype.is_bool:
        return tf.zeros(logged.shape[:1], tf.bool)
    bad = (logged < spec.minimum) | (logged > spec.maximum)
    if spec.dtype.is_floating:
        allowed = _TOLERANCE * tf.maximum(tf.abs(computed), 1)
        bad &= tf.math.is_nan(computed) | (tf.abs(logged - computed) > allowed)
    else:
        bad &= logged != computed
    return tf.reduce_any(bad, axis=list(range(1, bad.shape.rank)))


def _take(trajectory: Trajectory, rows: np.ndarray) -> Trajectory:
    """The sessions of these positions."""
    initial = tf.nest.map_structure(lambda leaf: np.asarray(leaf)[rows], trajectory.initial)
    transitions = tf.nest.map_structure(lambda leaf: leaf[:, rows], trajectory.transitions)
    return Trajectory(initial, transitions, ())
