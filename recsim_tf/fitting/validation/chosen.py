# SPDX-License-Identifier: Apache-2.0
"""Is what is chosen by it better? Policies ranked in the model, and by the log."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core.base.types import Policy
from recsim_tf.fitting.validation.context import Context
from recsim_tf.fitting.validation.question import Answer
from recsim_tf.ope.evaluation import compare
from recsim_tf.ope.responses import mean_of
from recsim_tf.ope.results import Estimate
from recsim_tf.ope.simulated import Simulations
from recsim_tf.policies.stochastic import StochasticPolicy
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import Note, Part, Table
from recsim_tf.support.verdicts import (
    BELIEVABLE,
    CANNOT_TELL,
    NOT_BELIEVABLE,
    WITH_CARE,
    Verdict,
)

_FEWEST_POLICIES = 3
_NUM_SIMULATED = 10_000
_NUM_RESAMPLED = 1_000
_LEVEL = 0.95


class Ranking(NamedTuple):
    """Policies as the model ranks them, and as the log does."""

    simulated: dict[str, Mean]  # the mean return in the model, by policy
    logged: dict[str, Mean]  # by weights of the log, or in a second fit
    is_by_weights: bool  # whether the log's values are those of weights
    # Kendall's tau-b: 1 where all pairs of policies stand in the same order, -1 where none does
    correlation: float
    interval: tuple[float, float]  # of 95 %, by resampling users
    unseen: tuple[str, ...]  # policies whose value the log does not tell, which are left out

    @property
    def best(self) -> tuple[str, str]:
        """The best policy in the model, and that of the log."""
        first, second = (
            max(means, key=lambda name: means[name].value)
            for means in (self.simulated, self.logged)
        )
        return first, second


class Chosen:
    """Is what is chosen by it better?"""

    name, title, needs_held_out = "chosen", "Is what is chosen by it better?", True

    def ask(self, context: Context) -> Answer:
        """Ranks policies in the model, and by the sessions held out."""
        if not context.policies:
            reason = "Not asked: it takes policies, of which the simulator chooses one (policies)."
            return Answer(Verdict(CANNOT_TELL, reason))
        ranking = rank(context)
        if isinstance(ranking, str):
            return Answer(Verdict(CANNOT_TELL, ranking))
        low, high = ranking.interval
        error = (high - low) / 4
        return Answer(
            verdict(ranking),
            {**ranking._asdict(), "best": ranking.best},
            ("rank correlation of policies", Mean(ranking.correlation, error)),
            lambda: _parts(ranking),
        )


def rank(context: Context) -> Ranking | str:
    """The policies of a context by model and log; or why that cannot be told."""
    policies, log = context.policies, context.held_out
    has_weights = _has_propensities(context) and all(
        isinstance(policy, StochasticPolicy) for policy in policies.values()
    )
    unseen: tuple[str, ...] = ()
    if has_weights:
        results = compare(
            policies,
            log,
            ("snips", "simulated"),
            model=context.simulator,
            logging=context.logging,
            num_simulated=_NUM_SIMULATED,
            seed=context.seed,
        )
        unseen = tuple(
            name for name in policies if not results[name]["snips"].verdict.is_believable
        )
        seen = [name for name in policies if name not in unseen]
        simulated = {name: _sessions(results[name]["simulated"]) for name in seen}
        logged = {name: _sessions(results[name]["snips"]) for name in seen}
    elif context.refit is not None:
        second = context.refit(log, {})
        simulated, logged = (
            _returns(Simulations(model, None, log, _NUM_SIMULATED, context.seed, 1.0), policies)
            for model in (context.simulator, second)
        )
    else:
        return (
            "The log cannot tell: it needs the propensities of its slates and policies with"
            " probabilities, or a function for a second fit of the sessions held out (refit)."
        )
    if len(simulated) < _FEWEST_POLICIES:
        return (
            f"The log tells the value of {len(simulated)} of {len(policies)} policies; a ranking"
            f" takes {_FEWEST_POLICIES}."
        )
    correlation, interval = rank_correlation(simulated, logged, context.seed, context.users)
    means = [_means(sessions, context.users) for sessions in (simulated, logged)]
    return Ranking(means[0], means[1], has_weights, correlation, interval, unseen)


def _means(sessions: Mapping[str, np.ndarray], users: Any) -> dict[str, Mean]:
    return {name: mean_of(values, _of_log(users, len(values))) for name, values in sessions.items()}


def _of_log(users: Any, number: int) -> Any:
    """The users of so many sessions, int [S], if these follow all sessions of the log; else ()."""
    return users if len(users) == number else ()


def _has_propensities(context: Context) -> bool:
    log = context.held_out
    is_known = not isinstance(log.propensity.slate, tuple)
    return is_known or (context.logging is not None and not isinstance(log.slate, tuple))


def _sessions(estimate: Estimate) -> np.ndarray:
    return np.asarray(estimate.sessions, np.float64)


def _returns(simulations: Simulations, policies: Mapping[str, Policy]) -> dict[str, np.ndarray]:
    return {name: simulations.of(policy).new for name, policy in policies.items()}


def rank_correlation(
    first: Mapping[str, np.ndarray],
    second: Mapping[str, np.ndarray],
    seed: int,
    users: Any = (),
) -> tuple[float, tuple[float, float]]:
    """Kendall's tau-b of the means of session values, and its 95 % interval by the bootstrap: users
    with their sessions, or sessions where each user has one, are drawn again, the same ones for all
    policies.

    Args:
      first, second: float64 [S] by policy, in two worlds; S may differ between the worlds.
      seed: the seed of the bootstrap.
      users: the users of the sessions, int [S], in [0, U), where a user has several; else (). A
        world of another number of sessions has sessions of users of its own.
    """
    generator = np.random.default_rng(seed)
    means, resampled = [], []
    for each in (first, second):
        values = np.stack([each[name] for name in first])
        of_users = _of_log(users, values.shape[1])
        if isinstance(of_users, tuple):
            of_users = np.arange(values.shape[1])
        sizes = np.bincount(of_users)
        sums = np.stack([np.bincount(of_users, row) for row in values], axis=1)
        number = len(sizes)
        counts = generator.multinomial(number, np.full(number, 1 / number), _NUM_RESAMPLED)
        means.append(values.mean(axis=1))
        resampled.append(counts @ sums / (counts @ sizes)[:, np.newaxis])
    draws = [_kendall(*pair) for pair in zip(*resampled, strict=True)]
    low, high = np.quantile(draws, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return _kendall(*means), (float(low), float(high))


def _kendall(first: np.ndarray, second: np.ndarray) -> float:
    """Kendall's tau-b of two rows of numbers; 0 where one of them has no order."""
    pairs = np.triu_indices(len(first), 1)
    signs = [np.sign(each[pairs[0]] - each[pairs[1]]) for each in (first, second)]
    scale = np.sqrt((signs[0] != 0).sum() * (signs[1] != 0).sum())
    return float((signs[0] * signs[1]).sum() / scale) if scale else 0.0


def verdict(ranking: Ranking) -> Verdict:
    """The answer."""
    low, high = ranking.interval
    chosen, best = ranking.best
    if low > 0:
        is_sure = ranking.is_by_weights and not ranking.unseen
        word = BELIEVABLE if is_sure else WITH_CARE
        meaning = "Policies that earn more in it also earn more on the log."
    elif high <= 0:
        word, meaning = NOT_BELIEVABLE, "Policies that earn more in it do not earn more on the log."
    else:
        word, meaning = CANNOT_TELL, "The log is too small to rank these policies."
    also = "is also the best" if chosen == best else f"is not the best: that is {best}"
    where = "on the log" if ranking.is_by_weights else "in a second fit, of the sessions held out"
    sentence = (
        f"The best policy in the model, {chosen}, {also} {where}; rank correlation of"
        f" {len(ranking.simulated)} policies {ranking.correlation:+.2f}, between {low:+.2f} and"
        f" {high:+.2f}."
    )
    if not ranking.is_by_weights:
        sentence += " A second fit has the faults of the form of the model too."
    if ranking.unseen:
        sentence += f" Left out, since the log does not tell them: {', '.join(ranking.unseen)}."
    return Verdict(word, f"{meaning} {sentence}")


def _parts(ranking: Ranking) -> list[Part]:
    rows = [
        {
            "policy": name,
            "in the model": simulated.value,
            "± standard error": simulated.standard_error,
            "on the log" if ranking.is_by_weights else "in a second fit": logged.value,
            "±": logged.standard_error,
        }
        for (name, simulated), logged in zip(
            ranking.simulated.items(), ranking.logged.values(), strict=True
        )
    ]
    note = (
        "Returns of a session. The log's values are those of self-normalised importance weights"
        " (snips); without propensities they are those of the models, fitted again to the sessions"
        " held out. The rank correlation is Kendall's tau-b; its interval comes from users, with"
        " their sessions, that are drawn again with replacement."
    )
    return [Table(rows), Note(note)]
