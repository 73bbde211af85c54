"""Which innovations of logged sessions are drawn, where they are latent."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.stages import Recorded, user_step
from recsim_tf.core.types import Nest, Trajectory

_MASKED: Any = random.class_of_family(tfd.Masked)


def first_innovation(scorer: Simulator, trajectory: Trajectory) -> tfd.Distribution | None:
    """The distribution of the innovations at the first step of a trajectory [T, S, ...] of a
    `scoring_simulator`, or None where the users have none.
    """
    draws = nests.at_step(trajectory.transitions, 0).draws
    stages = _Innovation(draws._replace(innovation=())._asdict())
    _step(scorer, trajectory, 0, scorer.initial_state(trajectory.initial).user, stages)
    return stages.distribution


def drawn(scorer: Simulator, paths: Sequence[tuple[Trajectory, Nest]]) -> Nest:
    """Which elements of innovations are drawn: those that no mask covers. A nest of bool
    [S, T, ...].

    Args:
      scorer: as `scoring_simulator` makes it.
      paths: some draws of what is latent from about the prior: a trajectory [T, S, ...], and
        innovations, a nest of [S, T, ...].

    Raises:
      ValueError: for innovations that are not all reals, whose support could change with the state;
        or where masks differ between the paths.
    """
    first, *others = (_drawn(scorer, *path) for path in paths)
    for other in others:
        if not all(map(np.array_equal, first, other)):
            raise ValueError(
                "latent innovations must be drawn in steps that do not depend on what is latent,"
                " got masks that differ between two draws of it"
            )
    return tf.nest.pack_sequence_as(paths[0][1], first)


def _drawn(scorer: Simulator, trajectory: Trajectory, innovation: Nest) -> list[np.ndarray]:
    """bool [S, T, ...] of each leaf, along a path of innovations."""
    user, steps = scorer.initial_state(trajectory.initial).user, []
    for step in range(trajectory.transitions.reward.shape[0]):
        draws = nests.at_step(trajectory.transitions, step).draws
        own = tf.nest.map_structure(lambda leaf, step=step: leaf[:, step], innovation)
        stages = _Innovation(draws._replace(innovation=own)._asdict())
        user = _step(scorer, trajectory, step, user, stages)
        masks = _masks(stages.distribution, stages.distribution.name)
        steps.append(
            [
                np.broadcast_to(np.reshape(mask, [-1, *[1] * (leaf.shape.rank - 1)]), leaf.shape)
                for mask, leaf in zip(masks, tf.nest.flatten(own), strict=True)
            ]
        )
    return [np.stack(leaf, axis=1) for leaf in zip(*steps, strict=True)]


def _masks(distribution: tfd.Distribution, name: str) -> list[np.ndarray]:
    """bool [S], or a bool, of each leaf of the draws: whether it is drawn."""
    if isinstance(distribution, tfd.JointDistribution):
        parts, _ = distribution.sample_distributions(seed=[0, 0])
        return [mask for part in tf.nest.flatten(parts) for mask in _masks(part, name)]
    mask, inner = np.array(True), distribution
    if isinstance(distribution, _MASKED):
        mask, inner = np.asarray(distribution.validity_mask), distribution.distribution
    ones = tf.ones(inner.batch_shape + inner.event_shape, inner.dtype)
    bijector = inner.experimental_default_event_space_bijector()
    if bijector is None or not np.all(bijector.forward(ones) == 1):
        raise ValueError(
            f"latent innovations must be of all reals at every step, as a Normal, got {name}"
        )
    return [mask]


class _Innovation(Recorded):
    """The answers of a recorded step; it keeps the distribution of the innovation."""

    distribution: Any = None

    def sample(
        self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None
    ) -> Nest:
        if stage != "innovation":
            return super().sample(stage, distribution, who)
        self.distribution = distribution
        recorded = self._draws["innovation"]
        return (
            recorded
            if tf.nest.flatten(recorded)
            else random.sample(distribution, random.as_seed(0))
        )


def _step(
    scorer: Simulator, trajectory: Trajectory, step: int, user: Nest, stages: Recorded
) -> Nest:
    """The users' state [S, ...] after a recorded step."""
    state = scorer.initial_state(trajectory.initial)
    if step:
        before = nests.at_step(trajectory.transitions, step - 1).draws
        state = state._replace(candidates=before.candidates)
    transition = nests.at_step(trajectory.transitions, step)
    return user_step(scorer.users, user, scorer.shown(state, transition), stages).user
