# SPDX-License-Identifier: Apache-2.0
"""skdr-eval's tests of recovery and coverage, asked of both tools.

Each of these tests simulates logs of a known value, and sets a bound on the estimate or a least
share of intervals that hold the value. The bounds and the sizes are those of skdr-eval 0.12. Its
installed package draws the logs of slates, of rerankers and of series; the logs of actions, whose
makers are not installed, are drawn here by the same laws. Both tools read the same logs.

Ours are the estimators of recsim_tf that do the same: weights that are cut, switched off or shrunk,
`snips`, also for MRDR, and in slates `ips` and `rips`, also for PI-IPS and cascade DR. They get
the propensities alone, and no model of outcomes. Both tools read the propensities that drew the
log. A marginal over clusters of actions (MIPS) is here a log whose actions are the clusters. Series
have one reward an hour; our intervals take days together where days differ.

Not asked: the tests of its evaluators of pairs (masks and external policies), of its fitted
propensities and calibration errors, of a block length of 1, and of formulas that are wrong.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.random import default_rng

from recsim_tf import ope
from recsim_tf.logs import Log, SlateLogProbs
from recsim_tf.logs.log import Labels

Array = np.ndarray
_HOUR, _START = 3600 * 10**9, 1_700_006_400 * 10**9


class Answer(NamedTuple):
    """The number of a tool that a test bounds, and whether it is within the bound."""

    number: float
    passed: bool


class Check(NamedTuple):
    """A test, and what both tools make of it."""

    name: str
    condition: str
    theirs: Answer
    ours: Answer


class _Problem(NamedTuple):
    """Decisions between A actions, and the value of the new policy."""

    old: Array  # probabilities of the logging policy, [S, A]
    new: Array  # of the new policy, [S, A]
    action: Array  # int [S]
    outcome: Array  # float [S]
    marginal: Array  # mean outcome of the context under the logging policy, [S]
    value: float


def _drawn(rng: np.random.Generator, old: Array, new: Array, means: Array) -> _Problem:
    """Outcomes of noise .5 around the means [S, A]."""
    rows = np.arange(len(old))
    action = (rng.random((len(old), 1)) > old.cumsum(axis=1)[:, :-1]).sum(axis=1)
    outcome = means[rows, action] + 0.5 * rng.normal(size=len(old))
    value = float((new * means).sum(axis=1).mean())
    return _Problem(old, new, action, outcome, (old * means).sum(axis=1), value)


def _by_dirichlet(seed: int) -> _Problem:
    """Three actions of means 1, 2 and 3; the new policy draws them alike."""
    rng = default_rng(seed)
    old = rng.dirichlet([5.0] * 3, size=1_500)
    problem = _drawn(rng, old, np.full(old.shape, 1 / 3), np.tile([1.0, 2.0, 3.0], (1_500, 1)))
    return problem._replace(marginal=np.full(1_500, 2.0))


def _softmax(logits: Array) -> Array:
    masses = np.exp(logits - logits.max(axis=1, keepdims=True))
    return masses / masses.sum(axis=1, keepdims=True)


def _by_softmax(seed: int) -> _Problem:
    """Both policies depend on the context, and the new one is sharper."""
    rng = default_rng(seed)
    slopes = np.array([[1.5, -1.0, 0.5], [-0.5, 1.0, 0.5]])
    means = rng.normal(size=(2_000, 2)) @ slopes + [1, 2, 3]
    return _drawn(rng, _softmax(0.5 * means), _softmax(2 * means), means)


def _by_clusters(seed: int) -> _Problem:
    """Four actions in two clusters, on which the outcome depends alone."""
    rng = default_rng(seed)
    means = rng.normal(size=(2_000, 2)) @ [[1.5, -1.0], [-0.5, 1.0]] + [1, 3]
    means = np.repeat(means, 2, axis=1)
    signs = np.array([1, -1, 1, -1])
    return _drawn(
        rng, _softmax(0.4 * means + 0.9 * signs), _softmax(1.5 * means + 0.6 * signs), means
    )


def _log(action: Array, outcome: Array, old: Array, new: Array) -> Log:
    """The log of single actions, from the probabilities [S] of the logged ones."""
    with np.errstate(divide="ignore"):
        logged, judged = (
            SlateLogProbs.of_items(np.log(each)[:, np.newaxis].astype(np.float32))
            for each in (old, new)
        )
    slate = action.astype(np.int32)[:, np.newaxis, np.newaxis]
    return Log(
        length=np.ones(len(action), np.int32),
        slate=slate,
        shown=np.ones(slate.shape, bool),
        reward=np.asarray(outcome, np.float32)[:, np.newaxis, np.newaxis],
        propensity=logged,
        target=judged,
    )


def _of_problem(problem: _Problem) -> Log:
    rows = np.arange(len(problem.action))
    old, new = (each[rows, problem.action] for each in (problem.old, problem.new))
    return _log(problem.action, problem.outcome, old, new)


def _estimate(log: Log, estimator: ope.Estimator) -> ope.Estimate:
    return ope.evaluate(None, log, {"": estimator})[""]


_SNIPS, _RIPS = ope.PRESETS["snips"], ope.PRESETS["rips"]


def _bent(**weights: float) -> ope.Estimator:
    return ope.Estimator(weights=ope.Weights(**weights))


def _by_strategy(problem: _Problem, name: str, q: Array | None = None, **given: Any) -> Any:
    from skdr_eval.estimators import build_strategy, dr_value_with_strategy

    embedding = {key: value for key, value in given.items() if key == "action_embedding"}
    return dr_value_with_strategy(
        propensities=problem.old,
        policy_probs=problem.new,
        Y=problem.outcome,
        q_hat=problem.marginal if q is None else q,
        A=problem.action,
        elig=np.ones(problem.old.shape),
        strategy=build_strategy(name, **given),
        **embedding,
    )


# Their estimators by name, with the arguments of the tests, and ours.
_FAMILY: dict[str, tuple[dict[str, Any], ope.Estimator]] = {
    "DR": ({"clip": 50.0}, _bent(cap=50.0)),
    "SNDR": ({"clip": 50.0}, _SNIPS),
    "MRDR": ({"clip": 50.0}, _SNIPS),
    "SWITCH-DR": ({"tau": 50.0}, _bent(switch=50.0)),
    "DRos": ({"lam": 1000.0}, _bent(shrinkage=1000.0)),
    "MIPS": (
        {"action_embedding": np.eye(3), "bandwidth": 0.01, "mips_clip": 50.0},
        ope.PRESETS["ips"],
    ),
}


def _recovery(num_logs: int) -> list[Check]:
    """Known means of single actions."""
    checks = []
    for seed, (name, (given, estimator)) in enumerate(_FAMILY.items()):
        problem = _by_dirichlet(seed)
        theirs, ours = (
            _by_strategy(problem, name, **given),
            _estimate(_of_problem(problem), estimator),
        )
        answers = [
            _below(abs(value - problem.value), 3 * max(error, 0.05))
            for value, error in ((theirs.V_hat, theirs.SE_if), (ours.value, ours.standard_error))
        ]
        checks.append(Check(f"{name} recovers", "error < 3 max(SE, .05)", *answers))
    problems = [_by_dirichlet(100 + number) for number in range(num_logs)]
    for name, (given, estimator) in _FAMILY.items():
        pairs = [
            (_by_strategy(each, name, **given).V_hat, _estimate(_of_problem(each), estimator).value)
            for each in problems
        ]
        values = np.array(pairs).T - 2
        answers = [
            _below(abs(each.mean()), 3 * max(each.std() / np.sqrt(num_logs), 0.05))
            for each in values
        ]
        checks.append(Check(f"{name}, mean of logs", "bias < 3 max(SE, .05)", *answers))
    return checks


def _below(number: float, bound: float) -> Answer:
    return Answer(float(number), bool(number < bound))


def _medians(
    name: str,
    condition: str,
    problems: list[_Problem],
    theirs: Callable[[_Problem, int], Any],
    ours: Callable[[_Problem], ope.Estimate],
    bound: Callable[[float], float],
) -> Check:
    """A test of the median bias, whose bound is a function of the median standard error."""
    found: tuple[list[tuple[float, float]], ...] = ([], [])
    for number, problem in enumerate(problems):
        result, estimate = theirs(problem, number), ours(problem)
        found[0].append((result.V_hat - problem.value, result.SE_if))
        found[1].append((estimate.value - problem.value, estimate.standard_error))
    answers = []
    for pairs in found:
        bias, error = np.median(pairs, axis=0)
        answers.append(_below(abs(bias), bound(error)))
    return Check(name, condition, *answers)


def _misspecified(num_logs: int) -> list[Check]:
    """A wrong model of outcomes, or wrong propensities. Ours needs no model of outcomes."""

    def of(problem: _Problem) -> ope.Estimate:
        return _estimate(_of_problem(problem), _SNIPS)

    def uniform(problem: _Problem) -> _Problem:
        return problem._replace(old=np.full(problem.old.shape, 1 / 3))

    def problems(first: int, make: Callable[[int], _Problem] = _by_dirichlet) -> list[_Problem]:
        return [make(first + number) for number in range(num_logs)]

    def noisy(problem: _Problem, number: int) -> Any:
        noise = default_rng(number).normal(scale=2, size=1_500)
        return _by_strategy(problem, "DR", 2 + noise, clip=20.0)

    def dr(problem: _Problem, number: int) -> Any:
        return _by_strategy(problem, "DR", clip=20.0)

    def clustered(problem: _Problem) -> ope.Estimate:
        old, new = (each.reshape(-1, 2, 2).sum(axis=2) for each in (problem.old, problem.new))
        merged = problem._replace(old=old, new=new, action=problem.action // 2)
        return _estimate(_of_problem(merged), _SNIPS)

    embedding = np.repeat([[0.0, 0.0], [10.0, 10.0]], 2, axis=0)
    within, median = "median bias < {}", "median SE"
    return [
        _medians(
            "DR, right q", within.format(median), problems(10_000), dr, of, lambda error: error
        ),
        _medians(
            *("DR, noisy q", within.format(f"2 {median}"), problems(20_000), noisy, of),
            lambda error: 2 * error,
        ),
        _medians(
            *("DR, wrong propensities", within.format(".5"), problems(30_000)),
            lambda problem, number: dr(uniform(problem), number),
            lambda problem: of(uniform(problem)),
            lambda error: 0.5,
        ),
        _medians(
            *("DR, biased q", within.format(".1"), problems(40_000)),
            lambda problem, number: _by_strategy(problem, "DR", np.ones(1_500), clip=20.0),
            *(of, lambda error: 0.1),
        ),
        _medians(
            *("DR, policies of contexts", within.format(median), problems(50_000, _by_softmax)),
            lambda problem, number: _by_strategy(problem, "DR", clip=np.inf),
            *(of, lambda error: error),
        ),
        _medians(
            *("MIPS, clusters", within.format(median), problems(70_000, _by_clusters)),
            lambda problem, number: _by_strategy(
                *(problem, "MIPS"),
                action_embedding=embedding,
                bandwidth=0.1,
                kernel="rbf",
                mips_clip=np.inf,
            ),
            *(clustered, lambda error: error),
        ),
    ]


def _coverage(num_logs: int) -> list[Check]:
    """Intervals of the mean of a series."""
    checks = []
    from skdr_eval import _simulation

    seed = 42
    for process, number, given, least in (
        ("iid", 400, 50, 0.85),
        ("ar1", 400, 50, 0.80),
        ("iid", 120, 50, 0.80),
        ("iid", 2_000, 100, 0.85),
        ("ar1", 2_000, 100, 0.85),
        ("seasonal", 2_000, 100, 0.85),
    ):
        repeats = min(given, num_logs)
        result = _simulation.simulate_coverage(process, n=number, n_reps=repeats, seed=seed)
        sampler, rng = getattr(_simulation, f"_sample_{process}"), default_rng(seed)
        held = []
        for _ in range(repeats):
            series = sampler(number, rng)
            rng.integers(0, 2**31)  # The seed of their bootstrap, so that the series are the same.
            held.append(_holds(_of_series(series), 1.0))
        shares = (result.empirical_coverage, float(np.mean(held)))
        answers = [Answer(share, share >= least) for share in shares]
        checks.append(Check(f"coverage, {process}, {number:,}", f"at least {least:.2f}", *answers))
    return checks


def _of_series(series: Array) -> tuple[float, float]:
    """The interval of the mean of rewards, one each hour, of two actions that are alike."""
    half = np.full(len(series), 0.5)
    action = np.arange(len(series)) % 2
    times = _START + _HOUR * np.arange(len(series))[:, np.newaxis, np.newaxis]
    log = _log(action, series, half, half)
    return _estimate(log._replace(labels=Labels(time=times, dates=True)), _SNIPS).interval


def _holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


def _slates() -> list[Check]:
    """Slates of three items that are shown at random, with clicks."""
    from skdr_eval import slate as slates

    logs, _, truth = slates.make_slate_synth(300, 8, 3, "cascade", 0)
    uniform = np.zeros(8)
    log = _of_slates(logs, uniform)
    ips, rips = (_estimate(log, each) for each in (ope.PRESETS["ips"], _RIPS))
    chance = float(logs["logging_prob"].iloc[0])

    def alike(rank: int, item: int) -> float:
        return 1 / 8

    q = np.zeros((len(logs), 3, 8))
    theirs = {
        "IPS": slates.slate_standard_ips(logs, target_policy=lambda slate: chance),
        "RIPS": slates.reward_interaction_ips(logs, target_policy_per_rank=alike),
        "PI-IPS": slates.pseudo_inverse_ips(logs, target_policy_per_rank=alike, n_items=8),
        "cascade DR": slates.slate_cascade_dr(logs, alike, q),
    }
    ours = {"IPS": ips, "RIPS": rips, "PI-IPS": rips, "cascade DR": rips}
    checks = [
        Check(
            *(f"slates, {name}", "error < 3 max(SE, 1)"),
            *(
                _below(abs(value - truth.V_logging), 3 * max(error, 1.0))
                for value, error in (
                    (result.V_hat, result.SE),
                    (ours[name].value, ours[name].standard_error),
                )
            ),
        )
        for name, result in theirs.items()
    ]
    logs, _, _ = slates.make_slate_synth(200, 6, 3, "cascade", 99)
    log = _of_slates(logs, np.zeros(6))
    ips, rips = (_estimate(log, each) for each in (ope.PRESETS["ips"], _RIPS))
    rates = np.array(logs["clicks"].tolist()).mean(axis=0)
    chance = float(logs["logging_prob"].iloc[0])
    standard = slates.slate_standard_ips(logs, target_policy=lambda slate: chance)
    cascade = slates.slate_cascade_dr(
        logs, lambda rank, item: 1 / 6, np.tile(rates[np.newaxis, :, np.newaxis], (200, 1, 6))
    )
    ratios = (cascade.SE / standard.SE, rips.standard_error / ips.standard_error)
    answers = [Answer(ratio, ratio <= 1.5 + 1e-6) for ratio in ratios]
    checks.append(Check("slates, cascade against IPS", "SE ratio <= 1.5", *answers))
    return [*checks, _oracle()]


def _oracle() -> Check:
    """A policy that prefers attractive items earns between the uniform and the best policy."""
    from skdr_eval import slate as slates

    logs, attractiveness, truth = slates.make_slate_synth(1_500, 8, 3, "cascade", 14)
    logits = 6 * attractiveness.mean(axis=0)
    shares = _softmax(logits[np.newaxis])[0]
    report = slates.evaluate_slate_models(
        logs, {"sharp": lambda rank, item: shares[item], "uniform": lambda rank, item: 1 / 8}
    ).report.set_index(["model", "estimator"])["V_hat"]
    pairs = [
        tuple(float(report[each, "SlateCascadeDR"]) for each in ("sharp", "uniform")),
        tuple(_estimate(_of_slates(logs, each), _RIPS).value for each in (logits, np.zeros(8))),
    ]
    low, high = truth.V_uniform_target - 0.2, truth.V_oracle_target + 0.2
    answers = [Answer(sharp, uniform < sharp and low <= sharp <= high) for sharp, uniform in pairs]
    return Check("slates, sharper policy", "above uniform, within .2 of bounds", *answers)


def _of_slates(logs: Any, logits: Array) -> Log:
    """The log of slates that were drawn alike, for the Plackett-Luce policy of logits [N]."""
    slate = np.array(logs["slate"].tolist())
    clicks = np.array(logs["clicks"].tolist(), np.float32)[:, np.newaxis]

    def log_probs(logits: Array) -> SlateLogProbs:
        masses = np.exp(logits)[slate]
        left = np.exp(logits).sum() - masses.cumsum(axis=1) + masses
        prefix = np.log(masses / left).cumsum(axis=1).astype(np.float32)[:, np.newaxis]
        return SlateLogProbs(slate=prefix[..., -1], prefix=prefix)

    return Log(
        length=np.ones(len(slate), np.int32),
        slate=slate.astype(np.int32)[:, np.newaxis],
        shown=np.ones(clicks.shape, bool),
        reward=clicks,
        propensity=log_probs(np.zeros(len(logits))),
        target=log_probs(logits),
    )


def _rerankers(num_logs: int) -> list[Check]:
    """The best of 16 or 20 candidates, from logs that show one at random."""
    from skdr_eval import recipes

    def pair(number: int, candidates: int, dimensions: int, seed: int, **given: Any) -> Array:
        """Errors and standard errors of both tools, [2, 2]."""
        logs, pool, truth = recipes.make_llm_reranker_synth(number, candidates, dimensions, seed)
        result = recipes.evaluate_reranker_mips(logs, pool, **given)
        best = recipes.induce_reranker_policy(logs, pool)
        action = logs["candidate_id"].to_numpy()
        old = logs["propensity_at_position"].to_numpy()
        log = _log(action, logs["reward"].to_numpy(), old, best[np.arange(number), action])
        estimate, value = _estimate(log, _SNIPS), truth.V_sort_by_dot
        return np.array(
            [
                (result.V_hat - value, result.SE_if),
                (estimate.value - value, estimate.standard_error),
            ]
        )

    one = pair(2_000, 20, 32, 42)
    means = np.array([pair(1_500, 16, 24, 100 + seed) for seed in range(min(12, num_logs))])
    boots = np.array(
        [
            pair(1_500, 16, 24, 100 + seed, n_bootstrap=200, bootstrap_seed=0)
            for seed in range(min(6, num_logs))
        ]
    )
    error = means[..., 0].std(axis=0, ddof=1) / np.sqrt(len(means))
    held = (np.abs(boots[..., 0]) <= 2 * boots[..., 1]).sum(axis=0)
    return [
        Check(
            *("reranker, one log", "error <= 2 SE"),
            *(Answer(abs(each[0]), bool(abs(each[0]) <= 2 * each[1])) for each in one),
        ),
        Check(
            *("reranker, mean of logs", "bias <= 3 SE"),
            *(
                Answer(abs(bias), bool(abs(bias) <= 3 * of))
                for bias, of in zip(means[..., 0].mean(axis=0), error, strict=True)
            ),
        ),
        Check(
            *("reranker, 2 SE hold", "in all logs but one"),
            *(Answer(each / len(boots), bool(each >= len(boots) - 1)) for each in held),
        ),
    ]


def _tails(num_logs: int) -> list[Check]:
    """The shape of the tail of weights."""
    from skdr_eval.diagnostics import psis_pareto_k

    shapes = (psis_pareto_k, ope.pareto_k)
    checks = []
    for true in (0.3, 0.7, 1.2):
        rng = default_rng(2025)
        draws = [1 + ((1 - rng.random(2_000)) ** -true - 1) / true for _ in range(num_logs)]
        medians = [float(np.nanmedian([shape(each) for each in draws])) for shape in shapes]
        answers = [Answer(median, abs(median - true) < 0.18) for median in medians]
        checks.append(Check(f"Pareto k of {true}", "median within .18", *answers))
    slopes = np.array([[1.5, 0.0, -1.0], [0.0, 1.5, -1.0]])
    of_sharpness = {}
    for temperature in (1.0, 0.5, 0.25, 0.1):
        found = []
        for number in range(num_logs):
            rng = default_rng(70_000 + number)
            old = _softmax(rng.normal(size=(1_500, 2)) @ slopes / temperature)
            problem = _drawn(rng, old, np.full(old.shape, 1 / 3), np.tile([1.0, 2, 3], (1_500, 1)))
            weights = 1 / old[np.arange(1_500), problem.action]
            found.append([shape(weights) for shape in shapes])
        of_sharpness[temperature] = np.nanmedian(found, axis=0)
    ladder = np.array(list(of_sharpness.values()))
    soft, hard = ladder[0], ladder[-1]
    rises = (hard > soft) & (np.diff(ladder, axis=0) >= -0.05).all(axis=0)
    for name, condition, numbers, passed in (
        ("Pareto k, logging sharper", "rises, falls <= .05", hard - soft, rises),
        ("Pareto k, soft logging", "median < .7", soft, soft < 0.7),
        ("Pareto k, sharp logging", "median > .7", hard, hard > 0.7),
        ("Pareto k, sharp - soft", "above .2", hard - soft, hard - soft > 0.2),
    ):
        answers = [Answer(float(n), bool(p)) for n, p in zip(numbers, passed, strict=True)]
        checks.append(Check(name, condition, *answers))
    return checks


def ask(num_logs: int) -> list[Check]:
    """Asks all tests, of at most so many logs each; theirs have 30, and series 50 or 100."""
    few = min(num_logs, 30)
    return [
        *_recovery(few),
        *_misspecified(few),
        *_coverage(num_logs),
        *_slates(),
        *_rerankers(few),
        *_tails(few),
    ]
