# SPDX-License-Identifier: Apache-2.0
"""Logs with a fault that misleads an estimate, and sound logs, from worlds whose values are known.

Users of 12 kinds, which the log tells, meet a slate of 3 of 6 documents and may click on each of
them. The policies draw slates by Plackett-Luce from scores of the kind; the new policy is sharper
and knows tastes better. Values are exact, over all 120 slates, except where clicks change users,
where they are means of 200,000 simulated sessions. A world is a function of a seed and a number of
sessions. The tables at the end have the worlds by name.
"""

import itertools
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator, default_rng

from recsim_tf.logs.log import Labels, Log, SlateLogProbs

Array = np.ndarray
NUM_KINDS, NUM_DOCUMENTS, SLATE_SIZE, NUM_DAYS = 12, 6, 3, 10
SLATES = np.array(list(itertools.permutations(range(NUM_DOCUMENTS), SLATE_SIZE)))  # [120, K]
EXAMINATION = np.array([0.7, 0.5, 0.35])  # probability that a user looks at each position
_FIRST_DAY, _DAY, _STEP = 1_700_006_400 * 10**9, 86_400 * 10**9, 30 * 10**9  # nanoseconds
_DOCUMENTS = np.array([f"d{number}" for number in range(NUM_DOCUMENTS)])


class Logged(NamedTuple):
    """A log, and what policies truly earn from the users and days to come."""

    log: Log  # with propensities, and with probabilities of the new policy as its target
    value: float  # mean return of the new policy
    logged_value: float  # mean return of the logging policy


class Tied(NamedTuple):
    """A log, and policies that all earn the same."""

    log: Log  # with propensities and without a target
    targets: list[Array]  # log-probabilities of the logged slates, float32 [S, T] for each policy
    value: float  # mean return of each policy
    logged_value: float


def plackett_luce(scores: Array) -> Array:
    """The probabilities of all slates, [..., 120], from scores of the documents, [..., N]."""
    masses = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shown = masses[..., SLATES]
    left = masses.sum(axis=-1)[..., np.newaxis, np.newaxis] - shown.cumsum(axis=-1) + shown
    return (shown / left).prod(axis=-1)


def greedy(scores: Array) -> Array:
    """The policy that always shows the documents of the highest scores, best first, [R, 120]."""
    return np.eye(len(SLATES))[plackett_luce(scores).argmax(axis=-1)]


def attraction(tastes: Array, level: float = -0.5) -> Array:
    """The probabilities of a click on documents that a user looks at, by tastes for them."""
    return 1 / (1 + np.exp(-level - tastes))


def mean_returns(policy: Array, attracted: Array) -> Array:
    """The expected clicks [R] on a slate of a policy [R, 120] of users of attractions [R, N]."""
    return (policy * (EXAMINATION * attracted[..., SLATES]).sum(axis=-1)).sum(axis=-1)


def _table(seed: int, rows: int = NUM_KINDS) -> Array:
    return default_rng(seed).normal(size=(rows, NUM_DOCUMENTS))


TASTES = _table(1)  # [kinds, N]
ATTRACTED = attraction(TASTES)
OLD_SCORES = 0.5 * TASTES + 0.5 * _table(2)  # the logging policy knows tastes in part
NEW_SCORES = 1.5 * OLD_SCORES + 0.5 * TASTES
OLD, NEW = plackett_luce(OLD_SCORES), plackett_luce(NEW_SCORES)  # [kinds, 120]
UNIFORM, GREEDY = np.full(OLD.shape, 1 / len(SLATES)), greedy(OLD_SCORES)
SLIGHTLY_SHARPER = plackett_luce(1.2 * OLD_SCORES)  # for sessions of several steps


def _values(new: Array = NEW, old: Array = OLD, attracted: Array = ATTRACTED) -> list[float]:
    """The mean returns of the new and of the logging policy, one step a session."""
    return [float(mean_returns(policy, attracted).mean()) for policy in (new, old)]


def _draw(rng: Generator, policy: Array, rows: Array) -> Array:
    """Numbers of slates, int of the shape of `rows`, by the rows of a policy [R, 120]."""
    edges = policy.cumsum(axis=1)
    edges = (edges / edges[:, -1:] + np.arange(len(policy))[:, np.newaxis]).ravel()
    places = np.searchsorted(edges, rows + rng.random(rows.shape), side="right")
    return np.minimum(places - rows * len(SLATES), len(SLATES) - 1)


def _click(rng: Generator, attracted: Array, slate: Array) -> Array:
    """Clicks int32 [S, T, K] of users of attractions [S, N] on slates int [S, T]."""
    rates = EXAMINATION * np.take_along_axis(attracted[:, np.newaxis], SLATES[slate], axis=2)
    return (rng.random(rates.shape) < rates).astype(np.int32)


def _arrive(seed: int, num_sessions: int) -> tuple[Generator, Array, Array]:
    """A generator, the kinds of users, int32 [S], and the days of sessions, float [S], in order."""
    rng = default_rng(seed)
    kind = rng.integers(NUM_KINDS, size=num_sessions, dtype=np.int32)
    return rng, kind, np.sort(rng.uniform(0, NUM_DAYS, num_sessions))


def _log(user: Any, days: Array, slate: Array, response: Array, old: Array, new: Array) -> Log:
    """The log of slates int [S, T], clicks [S, T, K], and probabilities [S, T] of the policies."""
    number, num_steps = slate.shape
    documents = SLATES[slate].astype(np.int32)
    times = np.array(_FIRST_DAY + _DAY * days[:, np.newaxis] + _STEP * np.arange(num_steps), int)
    log = Log(
        length=np.full(number, num_steps, np.int32),
        initial=user if isinstance(user, dict) else {"kind": user},
        documents=documents,
        shown=np.ones(documents.shape, bool),
        response=response,
        slate=documents,
        candidates=np.tile(np.arange(NUM_DOCUMENTS, dtype=np.int32), (number, num_steps, 1)),
        reward=response.astype(np.float32),
        propensity=_log_probs(old),
        target=_log_probs(new),
        labels=Labels(document=_DOCUMENTS, time=np.stack([times] * SLATE_SIZE, 2), dates=True),
    )
    return _named(log, np.arange(number))


def _log_probs(probabilities: Array) -> SlateLogProbs:
    return SlateLogProbs(slate=np.log(probabilities).astype(np.float32))


def _named(log: Log, users: Array) -> Log:
    """The log whose sessions have ids in their order, and the users int [S]."""
    session = np.char.add("s", np.arange(log.num_sessions).astype(str))
    user = np.char.add("u", users.astype(str))
    return log._replace(labels=log.labels._replace(session=session, user=user))


def _sessions(
    rng: Generator, user: Any, days: Array, attracted: Array, new: Array, old: Array, steps: int = 1
) -> Log:
    """The log of users of attractions [S, N], who do not change, under policies [S, 120]."""
    rows = np.repeat(np.arange(len(days))[:, np.newaxis], steps, axis=1)
    slate = _draw(rng, old, rows)
    clicks = _click(rng, attracted, slate)
    return _log(user, days, slate, clicks, old[rows, slate], new[rows, slate])


def base(
    seed: int, num_sessions: int = 1_000, new=NEW, old=OLD, attracted=ATTRACTED, num_steps: int = 1
) -> Logged:
    """Users of 12 kinds with the same tastes at each step, and policies [kinds, 120]."""
    rng, kind, days = _arrive(seed, num_sessions)
    log = _sessions(rng, kind, days, attracted[kind], new[kind], old[kind], num_steps)
    return Logged(log, *(num_steps * value for value in _values(new, old, attracted)))


def _with(logged: Logged, **fields: Any) -> Logged:
    return logged._replace(log=logged.log._replace(**fields))


def _of_logged(policy: Array, log: Log) -> Array:
    """The probabilities of the logged slates [S, T] under a policy of kinds."""
    digits = NUM_DOCUMENTS ** np.arange(SLATE_SIZE)[::-1]
    slate = np.searchsorted(SLATES @ digits, log.slate @ digits)
    return policy[log.initial["kind"][:, np.newaxis], slate]


def first_propensity(seed: int, num_sessions: int = 1_000, is_both: bool = False) -> Logged:
    """The propensity of the first document is given for the slate's; `is_both`: its target too."""
    logged = base(seed, num_sessions)
    fields = {"propensity": OLD, **({"target": NEW} if is_both else {})}
    is_first = SLATES[:, :1] == SLATES[:, 0]  # whether two slates begin with the same document
    firsts = {name: _of_logged(policy @ is_first, logged.log) for name, policy in fields.items()}
    return _with(logged, **{name: _log_probs(first) for name, first in firsts.items()})


def without_clickless(seed: int, num_sessions: int = 1_000, level: float = -0.5) -> Logged:
    """Sessions without a click are left out of the log."""
    attracted = attraction(TASTES, level)
    has_click = 1 - (1 - EXAMINATION * attracted[:, SLATES]).prod(axis=-1)
    share = (OLD * has_click).sum(axis=1).mean()
    logged = base(seed, int(1.2 * num_sessions / share) + 100, attracted=attracted)
    rows = np.flatnonzero(logged.log.response.any(axis=(1, 2)))[:num_sessions]
    return logged._replace(log=_named(logged.log.take(rows), np.arange(num_sessions)))


def amounts(seed: int, num_sessions: int = 1_000, is_pareto: bool = False) -> Logged:
    """One click of 5,000 pays 500, the others 1; or clicks pay with a Pareto tail of 1.5."""
    logged, rng = base(seed, num_sessions), default_rng([seed, 1])
    shape, share = logged.log.reward.shape, 1 / 5_000
    pays, mean = np.where(rng.random(shape) < share, 500, 1), 1 + 499 * share
    if is_pareto:
        pays, mean = 1 + rng.pareto(1.5, shape), 3.0
    log = logged.log._replace(reward=(logged.log.reward * pays).astype(np.float32))
    return Logged(log, mean * logged.value, mean * logged.logged_value)


def days_together(seed: int, num_sessions: int = 1_000) -> Logged:
    """Click rates of all users go up and down from day to day, by 30 % (a standard deviation)."""
    rng, kind, days = _arrive(seed, num_sessions)
    factor = 1 + 0.3 * np.sqrt(3) * rng.uniform(-1, 1, NUM_DAYS)
    attracted = factor[days.astype(int)][:, np.newaxis] * ATTRACTED[kind]
    return Logged(_sessions(rng, kind, days, attracted, NEW[kind], OLD[kind]), *_values())


def copied(seed: int, num_sessions: int = 1_000, copies: int = 2) -> Logged:
    """Each session stands in the log several times, under other ids and users."""
    logged = base(seed, -(-num_sessions // copies))
    rows = np.repeat(np.arange(logged.log.num_sessions), copies)[:num_sessions]
    return logged._replace(log=_named(logged.log.take(rows), np.arange(num_sessions)))


def one_slate(seed: int, num_sessions: int = 1_000, is_known: bool = False) -> Logged:
    """The kind that clicks most sees one slate. Only if `is_known` is its propensity 1."""
    old = OLD.copy()
    old[5] = np.eye(len(SLATES))[13]
    logged = base(seed, num_sessions, old=old)
    general = {} if is_known else {"propensity": _log_probs(_of_logged(OLD, logged.log))}
    return _with(logged, **general)


def sure_slates(seed: int, num_sessions: int = 1_000) -> Logged:
    """Half of the users see a sure slate; the new policy has 4 % others, which they like least."""
    is_sure = np.arange(NUM_KINDS)[:, np.newaxis] < NUM_KINDS / 2
    new = np.where(is_sure, 0.96 * GREEDY + 0.04 * greedy(-TASTES), plackett_luce(1.3 * OLD_SCORES))
    return base(seed, num_sessions, new=new, old=np.where(is_sure, GREEDY, OLD))


def exchanged(seed: int, num_sessions: int = 1_000, has_kinds: bool = True) -> Logged:
    """The propensities of 10 % of the sessions are exchanged among them, of users who have kinds or
    features that never recur.
    """
    rng, logged = default_rng([seed, 1]), base(seed, num_sessions, plackett_luce(1.5 * OLD_SCORES))
    logged = logged if has_kinds else continuous_context(seed, num_sessions)
    rows = rng.choice(num_sessions, num_sessions // 10, replace=False)
    log_probs = logged.log.propensity.slate.copy()
    log_probs[rows] = log_probs[rng.permutation(rows)]
    return _with(logged, propensity=SlateLogProbs(slate=log_probs))


def turning(seed: int, num_sessions: int = 1_000) -> Logged:
    """Tastes turn during the log. The values are of the users after it."""
    rng, kind, days = _arrive(seed, num_sessions)
    after, share = 0.5 * _table(3) - 0.8 * TASTES, days[:, np.newaxis] / NUM_DAYS
    attracted = attraction((1 - share) * TASTES[kind] + share * after[kind])
    values = _values(attracted=attraction(after))
    return Logged(_sessions(rng, kind, days, attracted, NEW[kind], OLD[kind]), *values)


def bots(seed: int, num_sessions: int = 1_000) -> Logged:
    """Bots, 1 % of the users, click on all documents of 10 slates. The values are of people."""
    attracted = attraction(TASTES, -2.0)
    logged = base(seed, num_sessions, SLIGHTLY_SHARPER, attracted=attracted, num_steps=10)
    is_bot = default_rng([seed, 1]).random((num_sessions, 1, 1)) < 0.01
    clicked = np.where(is_bot, 1, logged.log.response).astype(np.int32)
    return _with(logged, response=clicked, reward=clicked.astype(np.float32))


def bandit(seed: int, num_sessions: int = 1_000, num_batches: int = 20) -> Logged:
    """The logging policy learns in batches which documents each kind clicks, and leaves others."""
    rng, kind, days = _arrive(seed, num_sessions)
    clicks, shows = np.ones((2, NUM_KINDS, NUM_DOCUMENTS)) * [[[1]], [[2]]]
    parts, values = [], []
    for batch, kinds in enumerate(np.array_split(kind[:, np.newaxis], num_batches)):
        policy = plackett_luce(12 * batch / num_batches * np.log(clicks / shows))
        slate = _draw(rng, policy, kinds)
        clicked = _click(rng, ATTRACTED[kinds[:, 0]], slate)
        np.add.at(clicks, (kinds, SLATES[slate[:, 0]]), clicked[:, 0])
        np.add.at(shows, (kinds, SLATES[slate[:, 0]]), 1)
        parts.append((slate, clicked, policy[kinds, slate], NEW[kinds, slate]))
        values.append(_values(old=policy))
    log = _log(kind, days, *map(np.concatenate, zip(*parts, strict=True)))
    return Logged(log, *np.mean(values, axis=0).tolist())


def changing(seed: int, num_sessions: int = 1_000, sharpness: float = 2, steps: int = 20) -> Logged:
    """A click raises the taste for its document. The new policy has the old scores, sharper."""
    rng, kind, days = _arrive(seed, num_sessions)
    slate, clicked = _changing(rng, kind, OLD, steps)
    new, rows = plackett_luce(sharpness * OLD_SCORES), kind[:, np.newaxis]
    log = _log(kind, days, slate, clicked, OLD[rows, slate], new[rows, slate])
    return Logged(log, _changing_value(sharpness, steps), _changing_value(1.0, steps))


def _changing(rng: Generator, kind: Array, policy: Array, steps: int) -> tuple[Array, Array]:
    """Slates int [S, T] and clicks [S, T, K] of users who change."""
    tastes, rows = TASTES[kind], np.arange(len(kind))[:, np.newaxis]
    slate = _draw(rng, policy, np.repeat(kind[:, np.newaxis], steps, axis=1))
    clicked = np.zeros((*slate.shape, SLATE_SIZE), np.int32)
    for step in range(steps):
        clicked[:, step] = _click(rng, attraction(tastes), slate[:, [step]])[:, 0]
        tastes[rows, SLATES[slate[:, step]]] += 0.15 * clicked[:, step]
    return slate, clicked


@cache
def _changing_value(sharpness: float, steps: int) -> float:
    """The mean return of a policy over simulated sessions, of the same users for each policy."""
    rng, kind, _ = _arrive(0, 200_000)
    _, clicked = _changing(rng, kind, plackett_luce(sharpness * OLD_SCORES), steps)
    return float(clicked.sum() / len(kind))


def learned(seed: int, num_sessions: int = 1_000) -> Logged:
    """The new policy was learned from the clicks of the same log, on top of the old scores."""
    attracted = attraction(0.4 * TASTES)
    logged = base(seed, num_sessions, attracted=attracted)
    cells = logged.log.initial["kind"][:, np.newaxis], logged.log.slate[:, 0]
    clicks, shows = np.zeros((2, NUM_KINDS, NUM_DOCUMENTS))
    np.add.at(clicks, cells, logged.log.response[:, 0])
    np.add.at(shows, cells, 1)
    rates = (clicks + 10 * clicks.sum() / shows.sum()) / (shows + 10)
    new = plackett_luce(OLD_SCORES + np.log(rates))
    log = logged.log._replace(target=_log_probs(_of_logged(new, logged.log)))
    return Logged(log, *_values(new, attracted=attracted))


def tied(seed: int, num_sessions: int = 1_000, num_policies: int = 20) -> Tied:
    """Documents are pairs of equals, and policies differ in which of two they show first."""
    attracted, old, new = (
        np.repeat(table[:, ::2], 2, axis=1) for table in (ATTRACTED, OLD_SCORES, NEW_SCORES)
    )
    logged = base(seed, num_sessions, old=plackett_luce(old), attracted=attracted)
    signs = default_rng(4).choice([-0.5, 0.5], (num_policies, NUM_KINDS, NUM_DOCUMENTS // 2, 1))
    policies = plackett_luce(new + (signs * [1, -1]).reshape(num_policies, *new.shape))
    targets = [_log_probs(_of_logged(policy, logged.log)).slate for policy in policies]
    values = _values(policies[0], plackett_luce(old), attracted)
    return Tied(logged.log._replace(target=SlateLogProbs()), targets, *values)


def rough(seed: int, num_sessions: int = 1_000, is_rounded: bool = False) -> Logged:
    """Propensities below .01 are raised to .01, and all rounded to .01 if `is_rounded`."""
    logged = base(seed, num_sessions)
    propensity = np.exp(logged.log.propensity.slate).round(2 if is_rounded else 9)
    return _with(logged, propensity=_log_probs(propensity.clip(0.01)))


def contaminated(seed: int, num_sessions: int = 1_000) -> Logged:
    """Another policy shows all slates alike in 5 % of the sessions, as their propensities say."""
    rng, kind, days = _arrive(seed, num_sessions)
    old = np.where(rng.random((num_sessions, 1)) < 0.05, UNIFORM[kind], OLD[kind])
    log = _sessions(rng, kind, days, ATTRACTED[kind], NEW[kind], old)
    return Logged(log, *_values(old=0.95 * OLD + 0.05 * UNIFORM))


def returning_users(seed: int, num_sessions: int = 1_000) -> Logged:
    """Users come 1 to 10 times each, and their tastes differ from those of their kind."""
    rng, kinds, days = _arrive(seed, num_sessions)
    visits = np.repeat(np.arange(num_sessions), rng.integers(1, 11, num_sessions))
    user = rng.permutation(visits[:num_sessions])
    kind, tastes = kinds[user], TASTES[kinds] + 0.7 * rng.normal(size=(num_sessions, NUM_DOCUMENTS))
    log = _sessions(rng, kind, days, attraction(tastes)[user], NEW[kind], OLD[kind])
    points, shares = _normal_points(1)
    attracted = np.tensordot(shares, attraction(TASTES + 0.7 * points[..., np.newaxis]), 1)
    return Logged(_named(log, user), *_values(attracted=attracted))


def continuous_context(
    seed: int, num_sessions: int = 1_000, change: Callable[..., tuple[Array, Array]] | None = None
) -> Logged:
    """Users have four features in place of a kind, which tastes and scores are functions of.
    `change` makes other policies of the new and the old one, [R, 120].
    """
    rng, _, days = _arrive(seed, num_sessions)
    features = rng.normal(size=(num_sessions, 4)).astype(np.float32)

    def of(rows: Array) -> tuple[Array, ...]:
        attracted, *policies = by_features(rows)
        return (attracted, *(policies if change is None else change(*policies)))

    log = _sessions(rng, {"features": features}, days, *of(features))
    points, shares = _normal_points(4)
    attracted, *policies = of(points)
    return Logged(log, *(float(shares @ mean_returns(each, attracted)) for each in policies))


def by_features(features: Array) -> tuple[Array, Array, Array]:
    """Attractions [R, N], and the new and the old policy [R, 120], of features [R, 4]."""
    tastes, noise = (features @ _table(seed, rows=4) / 2 for seed in (5, 6))
    old = (tastes + noise) / 2
    return attraction(tastes), plackett_luce(1.5 * old + tastes / 2), plackett_luce(old)


def _normal_points(dimensions: int) -> tuple[Array, Array]:
    """Points [P, dimensions] and shares [P] of a standard normal, by Gauss-Hermite quadrature."""
    points, shares = np.polynomial.hermite_e.hermegauss(8)
    products = np.array(list(itertools.product(shares / shares.sum(), repeat=dimensions)))
    return np.array(list(itertools.product(points, repeat=dimensions))), products.prod(axis=1)


def ended_by_site(seed: int, num_sessions: int = 1_000, num_steps: int = 6) -> Logged:
    """The site ends sessions after 1 to `num_steps` steps, while no user has left."""
    logged = base(seed, num_sessions, new=SLIGHTLY_SHARPER, num_steps=num_steps)
    length = default_rng([seed, 1]).integers(1, num_steps + 1, num_sessions)
    log, share = logged.log._replace(departed=np.zeros(num_sessions, bool)), (1 + 1 / num_steps) / 2
    return Logged(log.cut(length), share * logged.value, share * logged.logged_value)


def shuffled(seed: int, num_sessions: int = 1_000) -> Logged:
    """Sessions stand in the log in the order of late rewards, not in that of their times."""
    logged = base(seed, num_sessions)
    return logged._replace(log=logged.log.take(default_rng([seed, 1]).permutation(num_sessions)))


def always_click(seed: int, num_sessions: int = 1_000, num_steps: int = 10) -> Logged:
    """Users choose one document of each slate, which pays by how much they like it."""
    new, tastes = SLIGHTLY_SHARPER, TASTES[:, SLATES]
    log = base(seed, num_sessions, new, num_steps=num_steps).log
    liked = _of_logged(tastes, log)
    noise = default_rng([seed, 1]).gumbel(size=liked.shape)
    choice = (np.log(EXAMINATION) + liked + noise).argmax(axis=-1).astype(np.int32)
    reward = attraction(liked) * (choice[..., np.newaxis] == np.arange(SLATE_SIZE))
    log = log._replace(response=choice, reward=reward.astype(np.float32))
    masses = EXAMINATION * np.exp(tastes)
    paid = num_steps * (masses * attraction(tastes)).sum(axis=-1) / masses.sum(axis=-1)
    return Logged(log, *(float((policy * paid).sum(axis=1).mean()) for policy in (new, OLD)))


World = Callable[..., Logged]
_LONG = itertools.product((10, 20), (1.2, 1.4, 1.6, 2.0, 2.8, 3.6))
MISLEADING: dict[str, World] = {
    "R2": first_propensity,
    "R2b": partial(first_propensity, is_both=True),
    "R4a": partial(without_clickless, level=-2.0),
    "R4b": partial(without_clickless, level=-1.0),
    "R4c": partial(without_clickless, level=0.5),
    "R5a": amounts,
    "R5b": partial(amounts, is_pareto=True),
    "R6": days_together,
    "R7a": partial(copied, copies=2),
    "R7b": partial(copied, copies=4),
    "R8": one_slate,
    "R8b": partial(one_slate, is_known=True),
    "R9": sure_slates,
    "R10": exchanged,
    "R10b": partial(exchanged, has_kinds=False),
    "R11": turning,
    "R12": bots,
    "R13": bandit,
} | {
    f"R14{letter}": partial(changing, sharpness=sharpness, steps=steps)
    for letter, (steps, sharpness) in zip("abcdefghijkl", _LONG, strict=True)
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
    "long": partial(base, new=SLIGHTLY_SHARPER, num_steps=10),
    "greedy mix": partial(base, new=0.9 * GREEDY + 0.1 * NEW, old=0.8 * GREEDY + 0.2 * UNIFORM),
    "always click": always_click,
    "must choose": partial(always_click, num_steps=1),
}
