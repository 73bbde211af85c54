# SPDX-License-Identifier: Apache-2.0
"""Slate optimisers, which choose the K of N candidates that maximise the expected value of a slate.

With click weights v_i and no-click weight v_0, a slate A has the value

    value(A) = (sum_{i in A} v_i q_i + v_0 q_0) / (sum_{i in A} v_i + v_0)

(Ie et al. 2019, SlateQ, arXiv 1905.12767, section 5, extended by a value q_0 of "no click"; the
paper has q_0 = 0). Since value(A) - q_0 = sum v_i a_i / (sum v_i + v_0) with the advantage a_i =
q_i - q_0, every optimiser works on advantages.

Shapes are `weights` [B, N], `no_click_weight` [B] and `advantages` [B, N]. Slates are int32 [B, K].
"""

from collections.abc import Callable
from typing import Annotated

import tensorflow as tf

from recsim_tf.core.base.arguments import OneOf, checked
from recsim_tf.core.runs.execution import is_for_xla
from recsim_tf.core.targets import only_cpu

# (weights [B, N], no_click_weight [B], advantages [B, N], slate_size) -> slate int32 [B, K]
SlateOptimizer = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, int], tf.Tensor]

# guess [B] -> (slate int32 [B, K], its advantage [B])
_Round = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

# Dinkelbach's iteration converges superlinearly, mostly in four to six rounds. This bound only
# guards against rounding.
_MAX_ROUNDS = 32

# Groups of 16 are the fastest of 8, 12, 16, 20 and 32 for slates of 10 of 10,000 candidates in
# graph mode. They pay from 16 groups for each position of the slate on (2,560 candidates for 10
# positions), in graph mode and under XLA. With half as many groups they do not pay under XLA.
_GROUP_SIZE = 16
_MANY_GROUPS = 16

# The products of candidates and positions up to which a CPU is faster by columns than by
# `tf.math.top_k`: an exact slate of 3 of 10 takes 2.5 times less in graph mode, and 10 times under
# XLA. Graph mode is slower from 100 candidates and 10 positions on, XLA from 1,000 and 5 on.
_FEW = 256
_FEW_UNDER_XLA = 2048


def slate_advantage(
    weights: tf.Tensor, no_click_weight: tf.Tensor, advantages: tf.Tensor, slate: tf.Tensor
) -> tf.Tensor:
    """The advantage of a slate over "no click", which is value(A) - q_0, [B].

    Args:
      weights, no_click_weight, advantages: see the module.
      slate: int32 [B, K], positions in [0, N), or -1 for an empty position.
    """
    positions = tf.maximum(slate, 0)
    shown = tf.cast(slate >= 0, weights.dtype) * tf.gather(weights, positions, batch_dims=1)
    gained = tf.reduce_sum(shown * tf.gather(advantages, positions, batch_dims=1), axis=-1)
    return gained / (tf.reduce_sum(shown, axis=-1) + no_click_weight)


def largest(scores: tf.Tensor, slate_size: int) -> tf.Tensor:
    """The positions of the K largest scores [B, N], largest first, int32 [B, K]. Ties go to the
    lower position.
    """
    if _are_few(scores.shape[1], slate_size):
        return _largest_of_columns(tf.transpose(scores), slate_size)[0]
    return tf.math.top_k(scores, slate_size).indices


def _are_few(num_candidates: int | None, slate_size: int) -> bool:
    """Tells whether K maxima over columns [N, B] take less time than `tf.math.top_k`. On an
    accelerator they would be many small kernels.
    """
    most = _FEW_UNDER_XLA if is_for_xla() else _FEW
    return num_candidates is not None and num_candidates * slate_size <= most and only_cpu()


def _largest_of_columns(scores: tf.Tensor, slate_size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The positions of the K largest scores [N, B], largest first, int32 [B, K], and whether each
    candidate is among them, bool [N, B].
    """
    num_candidates, lowest = scores.shape[0], tf.constant(scores.dtype.min, scores.dtype)
    positions = tf.range(num_candidates)[:, tf.newaxis]
    # Chosen candidates alone are below the lowest number, also where scores are infinite or NaN.
    scores = tf.where(scores > lowest, scores, lowest)
    slate = []
    for _ in range(slate_size):
        is_best = scores == tf.reduce_max(scores, axis=0)
        first = tf.reduce_min(tf.where(is_best, positions, num_candidates), axis=0)
        scores = tf.where(positions == first, tf.constant(-float("inf"), scores.dtype), scores)
        slate.append(first)
    return tf.stack(slate, axis=1), scores < lowest


def top_k_slate(
    weights: tf.Tensor, no_click_weight: tf.Tensor, advantages: tf.Tensor, slate_size: int
) -> tf.Tensor:
    """The K candidates of the largest v_i a_i, best first. Ties go to the lower position."""
    return largest(weights * advantages, slate_size)


def greedy_slate(
    weights: tf.Tensor, no_click_weight: tf.Tensor, advantages: tf.Tensor, slate_size: int
) -> tf.Tensor:
    """The slate that adds K times the best candidate so far, of equal ones the first."""
    gained, total = tf.zeros_like(no_click_weight), no_click_weight
    used = tf.zeros_like(weights, tf.bool)
    slate = []
    for _ in range(slate_size):
        value = (gained[:, tf.newaxis] + weights * advantages) / (total[:, tf.newaxis] + weights)
        best = tf.argmax(
            tf.where(used, tf.constant(-float("inf"), value.dtype), value),
            axis=-1,
            output_type=tf.int32,
        )
        chosen = tf.one_hot(best, weights.shape[1], dtype=weights.dtype)
        gained += tf.reduce_sum(chosen * weights * advantages, axis=-1)
        total += tf.reduce_sum(chosen * weights, axis=-1)
        used |= chosen > 0
        slate.append(best)
    return tf.stack(slate, axis=-1)


def exact_slate(
    weights: tf.Tensor, no_click_weight: tf.Tensor, advantages: tf.Tensor, slate_size: int
) -> tf.Tensor:
    """The best slate of exactly K candidates, by Dinkelbach's iteration for fractional programs
    (Dinkelbach 1967).

    For a guess g of the optimal advantage, the slate that maximises sum v_i (a_i - g) is a top-K.
    The advantage of that slate is the next guess, which never falls. The slate is optimal where it
    stops rising. Candidates are ordered by v_i (a_i - g), best first.

    Many candidates are searched in groups if N is static, which gives the same slate; see
    `_round_in_groups`.
    """
    num_candidates = weights.shape[1]
    many = num_candidates is not None and num_candidates >= _MANY_GROUPS * _GROUP_SIZE * slate_size
    solve = (_round_in_groups if many else _round)(weights, no_click_weight, advantages, slate_size)

    def improve(guess: tf.Tensor, slate: tf.Tensor, value: tf.Tensor):
        slate, improved = solve(value)
        return value, slate, tf.maximum(value, improved)

    first, value = solve(tf.zeros_like(no_click_weight))
    below = tf.fill(tf.shape(value), tf.constant(-float("inf"), value.dtype))
    below = tf.ensure_shape(below, value.shape)
    return tf.while_loop(
        lambda guess, slate, value: tf.reduce_any(value > guess),
        improve,
        (below, first, value),
        maximum_iterations=_MAX_ROUNDS,
    )[1]


def _round(
    weights: tf.Tensor, no_click_weight: tf.Tensor, advantages: tf.Tensor, slate_size: int
) -> _Round:
    """A round of Dinkelbach's iteration, which takes the top-K of v_i (a_i - guess)."""
    if _are_few(weights.shape[1], slate_size):
        return _round_of_columns(weights, no_click_weight, advantages, slate_size)

    def solve(guess: tf.Tensor):
        slate = tf.math.top_k(weights * (advantages - guess[:, tf.newaxis]), slate_size).indices
        return slate, slate_advantage(weights, no_click_weight, advantages, slate)

    return solve


def _round_of_columns(
    weights: tf.Tensor, no_click_weight: tf.Tensor, advantages: tf.Tensor, slate_size: int
) -> _Round:
    """A round for few candidates, which gathers nothing."""
    weights, advantages = tf.transpose(weights), tf.transpose(advantages)
    gains = weights * advantages

    def solve(guess: tf.Tensor):
        slate, is_shown = _largest_of_columns(weights * (advantages - guess), slate_size)
        gained, total = (
            tf.reduce_sum(tf.where(is_shown, values, 0), axis=0) for values in (gains, weights)
        )
        return slate, gained / (total + no_click_weight)

    return solve


def _round_in_groups(
    weights: tf.Tensor, no_click_weight: tf.Tensor, advantages: tf.Tensor, slate_size: int
) -> _Round:
    """A round for many candidates, which takes the top-K among the K groups of the largest maxima.

    The maxima of these groups are K candidates that beat each candidate outside of the groups. The
    search for the groups costs most of the round, so a second round follows among their members.
    It cannot lower the advantage, so the slate is optimal where the advantage does not rise.
    """
    num_groups = -(-weights.shape[1] // _GROUP_SIZE)
    missing = num_groups * _GROUP_SIZE - weights.shape[1]

    def grouped(values: tf.Tensor, filler: float):
        padded = tf.pad(
            values, [[0, 0], [0, missing]], constant_values=tf.constant(filler, values.dtype)
        )
        return tf.reshape(padded, [-1, num_groups, _GROUP_SIZE])

    # The fillers of the last group have the value 1 (-inf - guess), so no slate has them.
    weights, advantages = grouped(weights, 1.0), grouped(advantages, -float("inf"))

    def solve(guess: tf.Tensor):
        best = tf.reduce_max(weights * (advantages - guess[:, tf.newaxis, tf.newaxis]), axis=-1)
        # Sorted groups keep the order of the members, so that ties go to the lower position.
        groups = tf.sort(tf.math.top_k(best, slate_size).indices, axis=-1)

        def members(values: tf.Tensor):
            return tf.reshape(
                tf.gather(values, groups, batch_dims=1), [-1, slate_size * _GROUP_SIZE]
            )

        solve_members = _round(members(weights), no_click_weight, members(advantages), slate_size)
        slate, value = solve_members(solve_members(guess)[1])
        return (
            tf.gather(groups, slate // _GROUP_SIZE, batch_dims=1) * _GROUP_SIZE
            + slate % _GROUP_SIZE,
            value,
        )

    return solve


OPTIMIZERS: dict[str, SlateOptimizer] = {
    "top_k": top_k_slate,
    "greedy": greedy_slate,
    "exact": exact_slate,
}


@checked
def slate_optimizer(optimizer: Annotated[str, OneOf(OPTIMIZERS)]) -> SlateOptimizer:
    """The optimiser of that name: "top_k", "greedy" or "exact"."""
    return OPTIMIZERS[optimizer]
