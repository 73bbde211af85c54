"""Logs with a fault that misleads an estimate, and sound logs, from worlds whose values are known.

Users of 12 kinds, which the log tells, meet a slate of 3 of 6 documents and may click on each of
them. The logging policy draws slates by Plackett-Luce from scores of the kind, and so does the new
policy, which is sharper and knows tastes better. Values are exact: all 120 slates are enumerated.
Only where clicks change the users are they means of 200,000 simulated sessions.

Each world is a function of a seed and a number of sessions. The tables `MISLEADING`, `SOUND`,
`LEARNED` and `TIED` have the worlds by name. The values are those of the users and days to come.
"""

import functools
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.logs.log import Labels, Log, SlateLogProbs

NUM_KINDS, NUM_DOCUMENTS, SLATE_SIZE, NUM_DAYS = 12, 6, 3, 10
SLATES = np.array(list(itertools.permutations(range(NUM_DOCUMENTS), SLATE_SIZE)))  # [120, K]
EXAMINATION = np.array([0.7, 0.5, 0.35])  # probability that a user looks at each position
LEVEL = -0.5  # logit of a click on a document of taste 0 that a user looks at
_FIRST_DAY, _DAY, _STEP = 1_700_006_400 * 10**9, 86_400 * 10**9, 30 * 10**9  # nanoseconds
_NUM_SIMULATED = 200_000


class Logged(NamedTuple):
    """A log, and what policies truly earn."""

    log: Log  # with propensities, and with probabilities of the new policy as its target
    value: float  # mean return of the new policy
    logged_value: float  # mean return of the logging policy


class Tied(NamedTuple):
    """A log, and policies that all earn the same."""

    log: Log  # with propensities and without a target
    targets: list[np.ndarray]  # log-probabilities of the logged slates, float32 [S, T] a policy
    value: float  # mean return of each policy
    logged_value: float


# Policies, users and values.


def plackett_luce(scores: np.ndarray) -> np.ndarray:
    """The probabilities of all slates, [..., 120], from scores of the documents, [..., N]."""
    masses = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shown = masses[..., SLATES]
    left = masses.sum(axis=-1)[..., np.newaxis, np.newaxis] - shown.cumsum(axis=-1) + shown
    return (shown / left).prod(axis=-1)


def greedy(scores: np.ndarray) -> np.ndarray:
    """The policy that always shows the documents of the highest scores, best first, [R, 120]."""
    return np.eye(len(SLATES))[plackett_luce(scores).argmax(axis=-1)]


def click_rates(tastes: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """The probabilities of a click at each position of all slates, [..., 120, K]."""
    return EXAMINATION * _sigmoid(level + tastes[..., SLATES])


def mean_returns(policy: np.ndarray, tastes: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """The expected clicks on a slate of a policy [R, 120] of each of R users, [R]."""
    return (policy * click_rates(tastes, level).sum(axis=-1)).sum(axis=-1)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def _table(seed: int, columns: int = NUM_DOCUMENTS, rows: int = NUM_KINDS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns))


TASTES = _table(1)  # [kinds, N]
OLD_SCORES = 0.5 * TASTES + 0.5 * _table(2)  # the logging policy knows tastes in part
NEW_SCORES = 1.5 * OLD_SCORES + 0.5 * TASTES
OLD, NEW = plackett_luce(OLD_SCORES), plackett_luce(NEW_SCORES)  # [kinds, 120]


def _sharper(sharpness: float) -> np.ndarray:
    return plackett_luce(sharpness * OLD_SCORES)


# Logs.


def _draw(rng: np.random.Generator, policy: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Numbers of slates, int of the shape of `rows`, by the rows of a policy [R, 120]."""
    edges = policy.cumsum(axis=1)
    edges = (edges / edges[:, -1:] + np.arange(len(policy))[:, np.newaxis]).ravel()
    places = np.searchsorted(edges, rows + rng.random(rows.shape), side="right")
    return np.minimum(places - rows * len(SLATES), len(SLATES) - 1)


def _click(
    rng: np.random.Generator,
    tastes: np.ndarray,
    slate: np.ndarray,
    level: float = LEVEL,
    factor: Any = 1.0,
) -> np.ndarray:
    """Clicks int32 [S, T, K] of users of tastes [S, N] on slates int [S, T]."""
    liked = np.take_along_axis(tastes[:, np.newaxis], SLATES[slate], axis=2)
    rates = factor * EXAMINATION * _sigmoid(level + liked)
    return (rng.random(rates.shape) < rates).astype(np.int32)


def _arrive(rng: np.random.Generator, num_sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """The kinds of the users, int32 [S], and the days at which they come, float [S], in order."""
    kind = rng.integers(NUM_KINDS, size=num_sessions, dtype=np.int32)
    return kind, np.sort(rng.uniform(0, NUM_DAYS, num_sessions))


def _log(
    initial: dict[str, np.ndarray],
    days: np.ndarray,
    slate: np.ndarray,
    response: np.ndarray,
    propensity: np.ndarray,
    target: np.ndarray,
) -> Log:
    """The log of slates int [S, T], clicks [S, T, K], and probabilities [S, T]."""
    number, num_steps = slate.shape
    documents = SLATES[slate].astype(np.int32)
    begins = _FIRST_DAY + (days * _DAY).astype(np.int64)
    times = begins[:, np.newaxis] + _STEP * np.arange(num_steps)
    log = Log(
        length=np.full(number, num_steps, np.int32),
        initial=initial,
        documents=documents,
        shown=np.ones(documents.shape, bool),
        response=response,
        slate=documents,
        candidates=np.tile(np.arange(NUM_DOCUMENTS, dtype=np.int32), (number, num_steps, 1)),
        reward=response.astype(np.float32),
        propensity=_log_probs(propensity),
        target=_log_probs(target),
        labels=Labels(
            document=_names("d", np.arange(NUM_DOCUMENTS)),
            time=np.repeat(times[..., np.newaxis], SLATE_SIZE, axis=2),
            dates=True,
        ),
    )
    return _named(log, np.arange(number))


def _log_probs(probabilities: np.ndarray) -> SlateLogProbs:
    return SlateLogProbs(slate=np.log(probabilities).astype(np.float32))


def _names(letter: str, numbers: np.ndarray) -> np.ndarray:
    return np.char.add(letter, numbers.astype(str))


def _named(log: Log, users: np.ndarray) -> Log:
    """The log whose sessions have ids in their order, and the users int [S]."""
    session = _names("s", np.arange(log.num_sessions))
    return log._replace(labels=log.labels._replace(session=session, user=_names("u", users)))


def _sessions(
    rng: np.random.Generator,
    initial: dict[str, np.ndarray],
    days: np.ndarray,
    tastes: np.ndarray,
    rows: np.ndarray | None = None,
    *,
    old: np.ndarray = OLD,
    new: np.ndarray = NEW,
    level: float = LEVEL,
    factor: Any = 1.0,
    num_steps: int = 1,
) -> Log:
    """The log of users of tastes [S, N], under the rows int [S] of policies [R, 120]. The rows are
    the kinds by default.
    """
    rows = initial["kind"] if rows is None else rows
    rows = np.repeat(rows[:, np.newaxis], num_steps, axis=1)
    slate = _draw(rng, old, rows)
    clicked = _click(rng, tastes, slate, level, factor)
    return _log(initial, days, slate, clicked, old[rows, slate], new[rows, slate])


def base(
    seed: int,
    num_sessions: int = 1_000,
    *,
    old: np.ndarray = OLD,
    new: np.ndarray = NEW,
    tastes: np.ndarray = TASTES,
    level: float = LEVEL,
    num_steps: int = 1,
) -> Logged:
    """Users of 12 kinds with the same tastes at each step, and policies [kinds, 120]."""
    rng = np.random.default_rng(seed)
    kind, days = _arrive(rng, num_sessions)
    options = {"old": old, "new": new, "level": level, "num_steps": num_steps}
    log = _sessions(rng, {"kind": kind}, days, tastes[kind], **options)
    return Logged(log, *(num_steps * mean_returns(p, tastes, level).mean() for p in (new, old)))


def _with_propensity(logged: Logged, log_probs: np.ndarray) -> Logged:
    propensity = SlateLogProbs(slate=log_probs.astype(np.float32))
    return logged._replace(log=logged.log._replace(propensity=propensity))


# Worlds that mislead.


def first_propensity(seed: int, num_sessions: int = 1_000, is_both: bool = False) -> Logged:
    """The propensity of the first document stands for that of the slate; `is_both` under the new
    policy too.
    """
    logged = base(seed, num_sessions)
    kind, first = logged.log.initial["kind"][:, np.newaxis], logged.log.slate[..., 0]

    def of_first(scores: np.ndarray) -> SlateLogProbs:
        return _log_probs(np.exp(scores)[kind, first] / np.exp(scores).sum(axis=1)[kind])

    log = logged.log._replace(propensity=of_first(OLD_SCORES))
    return logged._replace(log=log._replace(target=of_first(NEW_SCORES)) if is_both else log)


def without_clickless(seed: int, num_sessions: int = 1_000, level: float = LEVEL) -> Logged:
    """Sessions without a click are left out of the log."""
    has_click = 1 - (1 - click_rates(TASTES, level)).prod(axis=-1)
    share = (OLD * has_click).sum(axis=1).mean()
    logged = base(seed, int(1.2 * num_sessions / share) + 100, level=level)
    rows = np.flatnonzero(logged.log.response.any(axis=(1, 2)))[:num_sessions]
    return logged._replace(log=_named(logged.log.take(rows), np.arange(num_sessions)))


def jackpot(seed: int, num_sessions: int = 1_000) -> Logged:
    """One click of 5,000 pays 500, where others pay 1."""
    share, amount = 1 / 5_000, 500.0

    def pays(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.where(rng.random(shape) < share, amount, 1.0)

    return _paid(base(seed, num_sessions), seed, pays, 1 + share * (amount - 1))


def pareto(seed: int, num_sessions: int = 1_000, tail: float = 1.5) -> Logged:
    """Clicks pay amounts with a Pareto tail, from 1 on. Below a tail of 2 they have no variance."""

    def pays(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return 1 + rng.pareto(tail, shape)

    return _paid(base(seed, num_sessions), seed, pays, tail / (tail - 1))


def _paid(logged: Logged, seed: int, pays: Callable[..., np.ndarray], mean: float) -> Logged:
    amounts = pays(np.random.default_rng([seed, 1]), logged.log.reward.shape)
    log = logged.log._replace(reward=(logged.log.reward * amounts).astype(np.float32))
    return Logged(log, mean * logged.value, mean * logged.logged_value)


def days_together(seed: int, num_sessions: int = 1_000) -> Logged:
    """Click rates of all users go up and down from day to day, by 30 % (a standard deviation)."""
    rng = np.random.default_rng(seed)
    kind, days = _arrive(rng, num_sessions)
    factor = 1 + 0.3 * np.sqrt(3) * rng.uniform(-1, 1, NUM_DAYS)
    of_session = factor[days.astype(int)][:, np.newaxis, np.newaxis]
    log = _sessions(rng, {"kind": kind}, days, TASTES[kind], factor=of_session)
    return Logged(log, *(mean_returns(policy, TASTES).mean() for policy in (NEW, OLD)))


def copied(seed: int, num_sessions: int = 1_000, copies: int = 2) -> Logged:
    """Each session stands in the log several times, under other ids and users."""
    logged = base(seed, -(-num_sessions // copies))
    rows = np.repeat(np.arange(logged.log.num_sessions), copies)[:num_sessions]
    return logged._replace(log=_named(logged.log.take(rows), np.arange(num_sessions)))


def one_slate(seed: int, num_sessions: int = 1_000, is_known: bool = False) -> Logged:
    """The kind of users who click most always sees the same slate. Its propensity is 1 if
    `is_known`, and else that of the general policy.
    """
    kind, slate, old = 5, 13, OLD.copy()
    old[kind] = np.eye(len(SLATES))[slate]
    logged = base(seed, num_sessions, old=old)
    if is_known:
        return logged
    is_kind = (logged.log.initial["kind"] == kind)[:, np.newaxis]
    log_probs = np.where(is_kind, np.log(OLD[kind, slate]), logged.log.propensity.slate)
    return _with_propensity(logged, log_probs)


def sure_slates(seed: int, num_sessions: int = 1_000) -> Logged:
    """Half of the users see a slate that is sure. The new policy shows them another one, which they
    like least, in 4 % of its slates.
    """
    is_sure = np.arange(NUM_KINDS)[:, np.newaxis] < NUM_KINDS / 2
    sure = greedy(OLD_SCORES)
    old = np.where(is_sure, sure, OLD)
    new = np.where(is_sure, 0.96 * sure + 0.04 * greedy(-TASTES), _sharper(1.3))
    return base(seed, num_sessions, old=old, new=new)


def exchanged(seed: int, num_sessions: int = 1_000) -> Logged:
    """The propensities of 10 % of the sessions are exchanged among them."""
    logged = base(seed, num_sessions, new=_sharper(1.5))
    rng = np.random.default_rng([seed, 1])
    rows = rng.choice(num_sessions, num_sessions // 10, replace=False)
    log_probs = logged.log.propensity.slate.copy()
    log_probs[rows] = log_probs[rng.permutation(rows)]
    return _with_propensity(logged, log_probs)


def turning(seed: int, num_sessions: int = 1_000) -> Logged:
    """Tastes turn during the log. The values are of the users after it."""
    rng = np.random.default_rng(seed)
    kind, days = _arrive(rng, num_sessions)
    after, share = 0.5 * _table(3) - 0.8 * TASTES, days[:, np.newaxis] / NUM_DAYS
    tastes = (1 - share) * TASTES[kind] + share * after[kind]
    log = _sessions(rng, {"kind": kind}, days, tastes)
    return Logged(log, *(mean_returns(policy, after).mean() for policy in (NEW, OLD)))


def bots(seed: int, num_sessions: int = 1_000) -> Logged:
    """Bots, 1 % of the users, click on all documents of 10 slates. The values are of people."""
    logged = base(seed, num_sessions, new=_sharper(1.2), level=-2.0, num_steps=10)
    is_bot = np.random.default_rng([seed, 1]).random((num_sessions, 1, 1)) < 0.01
    clicked = np.where(is_bot, 1, logged.log.response).astype(np.int32)
    log = logged.log._replace(response=clicked, reward=clicked.astype(np.float32))
    return logged._replace(log=log)


def bandit(seed: int, num_sessions: int = 1_000, num_batches: int = 20) -> Logged:
    """The logging policy learns in batches which documents each kind clicks, and leaves the others.
    Its propensities are right, and its value is the mean over its batches.
    """
    rng = np.random.default_rng(seed)
    kind, days = _arrive(rng, num_sessions)
    clicks, shows = np.ones((2, NUM_KINDS, NUM_DOCUMENTS)) * [[[1]], [[2]]]
    parts, values = [], []
    for batch, kinds in enumerate(np.array_split(kind[:, np.newaxis], num_batches)):
        policy = plackett_luce(12 * batch / num_batches * np.log(clicks / shows))
        slate = _draw(rng, policy, kinds)
        clicked = _click(rng, TASTES[kinds[:, 0]], slate)
        np.add.at(clicks, (kinds, SLATES[slate[:, 0]]), clicked[:, 0])
        np.add.at(shows, (kinds, SLATES[slate[:, 0]]), 1)
        parts.append((slate, clicked, policy[kinds, slate], NEW[kinds, slate]))
        values.append(mean_returns(policy, TASTES).mean())
    log = _log({"kind": kind}, days, *map(np.concatenate, zip(*parts, strict=True)))
    return Logged(log, mean_returns(NEW, TASTES).mean(), np.mean(values))


def changing_users(
    seed: int, num_sessions: int = 1_000, *, sharpness: float, num_steps: int
) -> Logged:
    """Users like a document more after each click on it. The new policy has the scores of the
    logging policy, some times as sharp.
    """
    rng = np.random.default_rng(seed)
    kind, days = _arrive(rng, num_sessions)
    slate, clicked = _changing(rng, kind, OLD, num_steps)
    new, rows = _sharper(sharpness), kind[:, np.newaxis]
    log = _log({"kind": kind}, days, slate, clicked, OLD[rows, slate], new[rows, slate])
    return Logged(log, _changing_value(sharpness, num_steps), _changing_value(1.0, num_steps))


def _changing(
    rng: np.random.Generator, kind: np.ndarray, policy: np.ndarray, num_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Slates int [S, T] and clicks [S, T, K] of users who change."""
    tastes, rows, parts = TASTES[kind], np.arange(len(kind))[:, np.newaxis], []
    for _ in range(num_steps):
        slate = _draw(rng, policy, kind[:, np.newaxis])
        clicked = _click(rng, tastes, slate)
        tastes[rows, SLATES[slate[:, 0]]] += 0.15 * clicked[:, 0]
        parts.append((slate, clicked))
    slates, clicks = zip(*parts, strict=True)
    return np.concatenate(slates, axis=1), np.concatenate(clicks, axis=1)


@functools.cache
def _changing_value(sharpness: float, num_steps: int) -> float:
    """The mean return of a policy over simulated sessions, the same users for each policy."""
    rng = np.random.default_rng(0)
    kind = rng.integers(NUM_KINDS, size=_NUM_SIMULATED)
    return _changing(rng, kind, _sharper(sharpness), num_steps)[1].sum() / _NUM_SIMULATED


def learned(seed: int, num_sessions: int = 1_000) -> Logged:
    """The new policy was learned from the clicks of the same log, on top of the old scores."""
    tastes = 0.4 * TASTES
    logged = base(seed, num_sessions, tastes=tastes)
    kind, documents = logged.log.initial["kind"], logged.log.slate[:, 0]
    clicks, shows = np.zeros((2, NUM_KINDS, NUM_DOCUMENTS))
    np.add.at(clicks, (kind[:, np.newaxis], documents), logged.log.response[:, 0])
    np.add.at(shows, (kind[:, np.newaxis], documents), 1)
    rates = (clicks + 10 * clicks.sum() / shows.sum()) / (shows + 10)
    new = plackett_luce(OLD_SCORES + np.log(rates))
    log = logged.log._replace(target=_log_probs(_of_logged(new, logged.log)))
    return logged._replace(log=log, value=mean_returns(new, tastes).mean())


def _of_logged(policy: np.ndarray, log: Log) -> np.ndarray:
    """The probabilities of the logged slates [S, T] under a policy of kinds."""
    digits = NUM_DOCUMENTS ** np.arange(SLATE_SIZE)[::-1]
    slate = np.searchsorted(SLATES @ digits, log.slate @ digits)
    return policy[log.initial["kind"][:, np.newaxis], slate]


def tied(seed: int, num_sessions: int = 1_000, num_policies: int = 20) -> Tied:
    """Documents are pairs of equals, and policies differ in which of two they show first."""
    tastes, old, new = (
        np.repeat(table[:, ::2], 2, axis=1) for table in (TASTES, OLD_SCORES, NEW_SCORES)
    )
    logged = base(seed, num_sessions, old=plackett_luce(old), tastes=tastes)
    signs = np.random.default_rng(4).choice(
        [-1, 1], size=(num_policies, NUM_KINDS, NUM_DOCUMENTS // 2, 1)
    )
    leads = (signs * [0.5, -0.5]).reshape(num_policies, NUM_KINDS, NUM_DOCUMENTS)
    policies = plackett_luce(new + leads)
    targets = [_log_probs(_of_logged(policy, logged.log)).slate for policy in policies]
    log, value = logged.log._replace(target=SlateLogProbs()), mean_returns(policies[0], tastes)
    return Tied(log, targets, value.mean(), logged.logged_value)


# Sound worlds.


def rough(seed: int, num_sessions: int = 1_000, is_rounded: bool = False) -> Logged:
    """Propensities below .01 are raised to .01, and all rounded to .01 if `is_rounded`."""
    logged = base(seed, num_sessions)
    propensity = np.exp(logged.log.propensity.slate.astype(np.float64))
    rounded = np.round(propensity, 2) if is_rounded else propensity
    return _with_propensity(logged, np.log(np.maximum(rounded, 0.01)))


def contaminated(seed: int, num_sessions: int = 1_000) -> Logged:
    """A policy that shows all slates alike logged 5 % of the sessions, with their propensities."""
    rng, share = np.random.default_rng(seed), 0.05
    kind, days = _arrive(rng, num_sessions)
    rows = kind + NUM_KINDS * (rng.random(num_sessions) < share)
    uniform = np.full(OLD.shape, 1 / len(SLATES))
    policies = {"old": np.concatenate([OLD, uniform]), "new": np.concatenate([NEW, NEW])}
    log = _sessions(rng, {"kind": kind}, days, TASTES[kind], rows, **policies)
    old = (1 - share) * OLD + share * uniform
    return Logged(log, *(mean_returns(policy, TASTES).mean() for policy in (NEW, old)))


def returning_users(seed: int, num_sessions: int = 1_000) -> Logged:
    """Users come 1 to 10 times each, and their tastes differ from those of their kind."""
    rng, spread = np.random.default_rng(seed), 0.7
    kinds, days = _arrive(rng, num_sessions)
    visits = np.repeat(np.arange(num_sessions), rng.integers(1, 11, num_sessions))
    user = rng.permutation(visits[:num_sessions])
    tastes = TASTES[kinds] + spread * rng.normal(size=(num_sessions, NUM_DOCUMENTS))
    log = _sessions(rng, {"kind": kinds[user]}, days, tastes[user])
    # A click depends on the taste for a single document, so that one shift of all is enough.
    shifts, shares = _normal_points(1)
    values = (
        shares @ [mean_returns(policy, TASTES + spread * shift).mean() for shift in shifts]
        for policy in (NEW, OLD)
    )
    return Logged(_named(log, user), *values)


def continuous_context(seed: int, num_sessions: int = 1_000) -> Logged:
    """Users have four features in place of a kind, which tastes and scores are functions of."""
    rng = np.random.default_rng(seed)
    _, days = _arrive(rng, num_sessions)
    features = rng.normal(size=(num_sessions, 4)).astype(np.float32)
    tastes, old, new = _by_features(features)
    initial, rows = {"features": features}, np.arange(num_sessions)
    log = _sessions(rng, initial, days, tastes, rows, old=old, new=new)
    points, shares = _normal_points(4)
    tastes, old, new = _by_features(points)
    return Logged(log, *(shares @ mean_returns(policy, tastes) for policy in (new, old)))


def _by_features(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tastes [R, N], and the old and the new policy [R, 120], of users of features [R, 4]."""
    tastes, noise = (features @ (0.5 * _table(seed, rows=4)) for seed in (5, 6))
    old = 0.5 * tastes + 0.5 * noise
    return tastes, plackett_luce(old), plackett_luce(1.5 * old + 0.5 * tastes)


@functools.cache
def _normal_points(dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Points [P, dimensions] and shares [P] of a standard normal, by Gauss-Hermite quadrature."""
    points, shares = np.polynomial.hermite_e.hermegauss(8)
    grid = np.stack(np.meshgrid(*[points] * dimensions), axis=-1).reshape(-1, dimensions)
    products = np.stack(np.meshgrid(*[shares] * dimensions), axis=-1).prod(axis=-1).ravel()
    return grid, products / products.sum()


def ended_by_site(seed: int, num_sessions: int = 1_000, num_steps: int = 6) -> Logged:
    """The site ends sessions after 1 to `num_steps` steps, while no user has left."""
    logged = base(seed, num_sessions, new=_sharper(1.2), num_steps=num_steps)
    length = np.random.default_rng([seed, 1]).integers(1, num_steps + 1, num_sessions)
    log = logged.log._replace(departed=np.zeros(num_sessions, bool)).cut(length)
    share = (num_steps + 1) / 2 / num_steps
    return Logged(log, share * logged.value, share * logged.logged_value)


def shuffled(seed: int, num_sessions: int = 1_000) -> Logged:
    """Sessions stand in the log in the order of late rewards, not in that of their times."""
    logged = base(seed, num_sessions)
    rows = np.random.default_rng([seed, 1]).permutation(num_sessions)
    return logged._replace(log=logged.log.take(rows))


def always_click(seed: int, num_sessions: int = 1_000, num_steps: int = 10) -> Logged:
    """Users choose one document of each slate, which pays by how much they like it."""
    new = _sharper(1.2)
    log = base(seed, num_sessions, new=new, num_steps=num_steps).log
    liked = TASTES[log.initial["kind"][:, np.newaxis, np.newaxis], log.slate]
    draws = np.random.default_rng([seed, 1]).random((*log.active.shape, 1))
    choice = (draws > _choices(liked).cumsum(axis=-1)[..., :-1]).sum(axis=-1)
    is_chosen = choice[..., np.newaxis] == np.arange(SLATE_SIZE)
    log = log._replace(
        response=choice.astype(np.int32), reward=(is_chosen * _sigmoid(liked)).astype(np.float32)
    )
    liked = TASTES[:, SLATES]
    paid = num_steps * (_choices(liked) * _sigmoid(liked)).sum(axis=-1)
    return Logged(log, *((policy * paid).sum(axis=1).mean() for policy in (new, OLD)))


def _choices(tastes: np.ndarray) -> np.ndarray:
    """The probabilities of the choice of each document of slates [..., K]."""
    masses = EXAMINATION * np.exp(tastes)
    return masses / masses.sum(axis=-1, keepdims=True)


_GREEDY = greedy(OLD_SCORES)
_MIXES = {"old": 0.8 * _GREEDY + 0.2 / len(SLATES), "new": 0.9 * _GREEDY + 0.1 * NEW}

World = Callable[..., Logged]
MISLEADING: dict[str, World] = {
    "R2": first_propensity,
    "R2b": partial(first_propensity, is_both=True),
    "R4a": partial(without_clickless, level=-2.0),
    "R4b": partial(without_clickless, level=-1.0),
    "R4c": partial(without_clickless, level=0.5),
    "R5a": jackpot,
    "R5b": pareto,
    "R6": days_together,
    "R7a": partial(copied, copies=2),
    "R7b": partial(copied, copies=4),
    "R8": one_slate,
    "R8b": partial(one_slate, is_known=True),
    "R9": sure_slates,
    "R10": exchanged,
    "R11": turning,
    "R12": bots,
    "R13": bandit,
} | {
    f"R14{letter}": partial(changing_users, sharpness=sharpness, num_steps=num_steps)
    for letter, (num_steps, sharpness) in zip(
        "abcdefghijkl", itertools.product((10, 20), (1.2, 1.4, 1.6, 2.0, 2.8, 3.6)), strict=True
    )
}
LEARNED: dict[str, World] = {"R1": learned}
TIED: dict[str, Callable[..., Tied]] = {"R3": tied}
SOUND: dict[str, World] = {
    "base": base,
    "rounded": partial(rough, is_rounded=True),
    "clipped": rough,
    "contaminated": contaminated,
    "small": partial(base, num_sessions=100),
    "tiny": partial(base, num_sessions=20),
    "equal": partial(base, new=OLD),
    "returning users": returning_users,
    "ended by the site": ended_by_site,
    "late rewards": shuffled,
    "continuous context": continuous_context,
    "long": partial(base, new=_sharper(1.2), num_steps=10),
    "greedy mix": partial(base, **_MIXES),
    "always click": always_click,
}
