# SPDX-License-Identifier: Apache-2.0
"""Click probabilities by a click model, on the slates of a log and on those of another policy."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.choice import ClickDistribution
from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest, Observation, Slate, Trajectory
from recsim_tf.core.distributions import CertainSlates, parts_with_draws
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.densities import walk
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.log import Log
from recsim_tf.logs.missing import lacking, lacks_innovations
from recsim_tf.logs.trajectories import as_trajectory, scoring_simulator

_CHUNK = 4096  # sessions that are computed at once
_NUM_DRAWS = 16  # slates of a stochastic policy over which probabilities are averaged


class ClickProbabilities(NamedTuple):
    """Click probabilities of S sessions by a click model, float64, 0 after the end of a session.

    "Logged" documents are those of the positions of the logged slates.
    """

    clicked: Any  # [S, T, K], the logged clicks, 0 or 1
    logged: Any  # [S, T, K], of the logged documents on the logged slates
    conditional: Any  # [S, T, K], the same given the logged clicks above them
    # [S, T, K], of the logged documents on the slates of the policy; 0 where it does not show them
    new: Any
    total: Any  # [S, T], the expected number of clicks on the slates of the policy
    # [S, T, K], of the logged documents: the probability that it is clicked on the policy's slate
    # and stands above a logged document, summed over the weighted clicks on the latter
    above: Any

    @property
    def ratio(self) -> np.ndarray:
        """The weights of the logged documents, [S, T, K]: `new` / `logged`, or 0 if both are 0."""
        return np.divide(self.new, self.logged, out=np.zeros_like(self.new), where=self.logged > 0)

    @property
    def unsupported(self) -> np.ndarray:
        """The expected clicks of the policy on documents that are not clicked in the log with any
        probability, mostly because the log does not show them, [S, T].
        """
        return np.maximum(self.total - (self.ratio * self.logged).sum(2), 0.0)


class _Piece(NamedTuple):
    """A part of a log as the compiled function takes it, of [T, B, ...]."""

    trajectory: Trajectory
    candidates: Nest  # [T, B, N, ...], documents of which the slates of the policy consist
    slates: tf.Tensor  # int32 [T, B, D, K], positions of their documents among `candidates`
    # int32 [T, B, D, K], positions of their documents in the logged slate; -1 for none
    places: tf.Tensor


class ClickReader:
    """The click probabilities of a log's sessions under a policy.

    They are exact for a policy that always shows the same slate. Those of a stochastic policy are
    means over 16 draws of its slates. User states are those of the log, so the log must have all
    draws of the users. Hidden attributes of documents that the log does not show are drawn once.

    Args:
      policy: the `StochasticPolicy` to judge.
      log: a `Log` with observations, slates and clicks, or an object whose `pieces()` are logs.
        Without candidates the policy may show the documents of the logged slates only.
      simulator: a simulator whose users respond with a `choice.ClickModel`.
      seed: the seed of the draws, an integer.

    Raises:
      ValueError: for a policy without a density; and, when probabilities are read, for a model
        without clicks, a log that lacks draws of the users, or documents that are unknown.
    """

    def __init__(self, policy: Any, log: Any, simulator: Simulator, seed: int = 0):
        self._scorer, self._log, self._seed = scoring_simulator(simulator), log, seed
        self._drawn = walk({"policy": policy}, functools.partial(_slates, seed))

    def parts(
        self, parameters: Sequence[Mapping[str, Any]]
    ) -> Iterator[tuple[Log, Iterator[ClickProbabilities]]]:
        """The sessions of the log in parts, in their order, each with its probabilities under each
        of several values of the simulator's parameters by name. Memory does not grow with the log
        if the probabilities are used one after the other.
        """
        for piece in self._log.pieces():
            slates = self._drawn(piece)["slates"].numpy()
            for start in range(0, piece.num_sessions, _CHUNK):
                rows = slice(start, start + _CHUNK)
                part = piece.take(rows).pad(piece.max_length)
                tensors = _piece(self._scorer, part, slates[rows])
                yield part, (self._probabilities(tensors, part.active, each) for each in parameters)

    def read(self, parameters: Mapping[str, Any] | None = None) -> ClickProbabilities:
        """The probabilities of all sessions, with parameters of the simulator by name."""
        parts = [next(values) for _, values in self.parts([parameters or {}])]
        return tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *parts)

    def _probabilities(
        self, piece: _Piece, active: np.ndarray, parameters: Mapping[str, Any]
    ) -> ClickProbabilities:
        """The probabilities of the sessions of a piece, whose steps are `active`, bool [B, T]."""

        def by_session(leaf: tf.Tensor) -> np.ndarray:
            values = np.swapaxes(leaf.numpy(), 0, 1).astype(np.float64)
            is_active = active.reshape([*active.shape, *[1] * (values.ndim - 2)])
            return np.where(is_active, values, 0.0)

        return tf.nest.map_structure(
            by_session, traced_call(self._of_piece, piece, dict(parameters))
        )

    @functools.cached_property
    def _of_piece(self) -> Any:
        @compiled
        def of_piece(piece: _Piece, parameters: dict[str, tf.Tensor]) -> ClickProbabilities:
            scorer = self._scorer.with_parameters(parameters)
            transitions = piece.trajectory.transitions
            num_steps = transitions.reward.shape[0]
            seeds = tf.stack(random.split_seed(self._seed, max(num_steps, 2)))

            def of_step(step, state, transition):
                now = nests.at_step((piece.candidates, piece.slates, piece.places), step)
                return _of_step(scorer, state, transition, *now, tf.gather(seeds, step))

            def record(arrays, step, state, transition, log_probs):
                del log_probs
                return nests.write(arrays, step, of_step(step, state, transition))

            # Only the shapes are used, so a graph drops this step.
            first = nests.at_step(transitions, 0)
            like = of_step(0, scorer.initial_state(piece.trajectory.initial), first)
            arrays = nests.arrays_like(like, num_steps)
            return nests.stack(scorer.retrace(piece.trajectory, record, arrays, score=False))

        return of_piece


def _of_step(
    scorer: Simulator,
    state: Any,
    transition: Any,
    candidates: Nest,
    slates: tf.Tensor,
    places: tf.Tensor,
    seed: tf.Tensor,
) -> ClickProbabilities:
    """The probabilities of a step, of [B, ...]."""
    users, draw = scorer.users, transition.draws.response
    clicks, clicked = _clicks(users, state.user, scorer.shown(state, transition), draw)
    happened = tf.exp(clicks.conditional(clicked))
    num_users, number, size = slates.shape

    def copies(nest: Nest) -> Nest:
        return tf.nest.map_structure(lambda leaf: tf.repeat(leaf, number, axis=0), nest)

    slate, place = (tf.reshape(leaf, [-1, size]) for leaf in (slates, places))
    met = scorer.documents.describe(
        nests.take(copies(candidates), tf.maximum(slate, 0)), copies(state.corpus)
    )
    hidden: Nest = ()
    if (revealed := scorer.documents.reveal(met)) is not None:
        logged = nests.take(copies(transition.draws.hidden), tf.maximum(place, 0))
        hidden = _where(place >= 0, logged, random.sample(revealed, seed))
    shown = Slate(scorer.documents.show(met, hidden), slate >= 0, copies(transition.query))
    judged, _ = _clicks(users, copies(state.user), shown, copies(draw))
    probs = tf.reshape(judged.mean(), [num_users, number, size])
    is_at = tf.one_hot(places, size, dtype=probs.dtype)
    of_logged = probs[..., tf.newaxis] * is_at
    stands_above = tf.cumsum(of_logged, axis=2, exclusive=True)
    values = ClickProbabilities(
        clicked=clicked,
        logged=clicks.mean(),
        conditional=tf.where(clicked == 1, happened, 1 - happened),
        new=tf.reduce_mean(tf.reduce_sum(of_logged, axis=2), axis=1),
        total=tf.reduce_mean(tf.reduce_sum(probs, axis=2), axis=1),
        above=(),
    )
    # `[:, j, i]` is the probability that i is clicked and stands above j.
    pairs = tf.einsum("bdkj,bdki->bji", is_at, stands_above) / number
    new, logged, was_clicked, pairs = (
        tf.cast(leaf, tf.float64) for leaf in (values.new, values.logged, clicked, pairs)
    )
    weighted = tf.math.divide_no_nan(new, logged) * was_clicked
    return values._replace(above=tf.einsum("bji,bj->bi", pairs, weighted))


def _clicks(
    users: UserModel, user: Nest, shown: Slate, draw: Nest
) -> tuple[ClickDistribution, tf.Tensor]:
    """The distribution of the clicks on a slate, and the clicks of a drawn response, [B, K]."""
    for _, part, drawn in parts_with_draws(users.response(user, shown), draw):
        if isinstance(part, ClickDistribution):
            return part.clicks, drawn.clicked if nests.fields_of(drawn) else drawn
    raise ValueError(
        "model must have users who respond with a click model (choice.ClickModel), for estimators"
        f" of clicks, got {type(users).__name__}"
    )


def _slates(
    seed: int, distributions: Sequence, seen: Observation, shown: Nest, step: Any, rows: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Slates of a policy, int32 [B, D, K]: a certain one, or draws."""
    del seen, shown
    (distribution,) = distributions
    if isinstance(distribution, CertainSlates):
        return {"slates": distribution.slate[:, tf.newaxis]}
    step_seed = random.as_seed(seed) + tf.stack([step, rows[0]])
    draws = [random.sample(distribution, each) for each in random.split_seed(step_seed, _NUM_DRAWS)]
    return {"slates": tf.stack(draws, axis=1)}


def _piece(scorer: Simulator, log: Log, slates: np.ndarray) -> _Piece:
    """A part of a log, with the slates [B, T, D, K] of the policy."""
    size = log.num_sessions
    spec = session_spec(scorer, size)
    missing, log = lacking(log, scorer.users, size, spec.initial.user)
    if missing:
        raise ValueError(
            f"log must have {missing[0].described} of the users, for estimators of clicks, got none"
        )
    has_steps = log.max_length > 1
    if has_steps and lacks_innovations(log, spec.draws.innovation):
        raise ValueError(
            "log must have the draws by which users change, for estimators of clicks, got none"
        )
    trajectory = as_trajectory(log, scorer, size, latent=not has_steps, spec=spec)
    logged = log.slate[:, :, np.newaxis, np.newaxis]
    is_same = (slates[..., np.newaxis] == logged) & (logged >= 0)
    places = np.where(is_same.any(4), is_same.argmax(4), -1)
    candidates = log.candidates
    if isinstance(candidates, tuple):
        candidates = log.documents
        unknown = (slates >= 0) & (places < 0) & log.active[..., np.newaxis, np.newaxis]
        if unknown.any():
            raise ValueError(
                "log.candidates must be given to judge a policy that shows documents that the log"
                " does not, got (): from_table reads them as candidates="
            )
        slates = places
    like = spec.draws.candidates
    candidates = tf.nest.map_structure(
        lambda leaf, spec: tf.cast(leaf, spec.dtype),
        tf.nest.pack_sequence_as(like, tf.nest.flatten(candidates)),
        like,
    )
    by_step = (candidates, tf.constant(slates, tf.int32), tf.constant(places, tf.int32))
    by_time = tf.nest.map_structure(lambda leaf: tf.einsum("bt...->tb...", leaf), by_step)
    return _Piece(trajectory, *by_time)


def _where(mask: tf.Tensor, first: Nest, second: Nest) -> Nest:
    """The nest `first` where the mask [B, K] is true, else the nest `second`, of [B, K, ...]."""

    def of_leaf(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
        inner_axes = [1] * (right.shape.rank - 2)
        return tf.where(
            tf.reshape(mask, [*mask.shape, *inner_axes]), tf.cast(left, right.dtype), right
        )

    return tf.nest.map_structure(of_leaf, first, second)
