# SPDX-License-Identifier: Apache-2.0
"""The page of policies judged from a log, with estimates and the reasons to believe them or not."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsim_tf.core.base.arguments import checked
from recsim_tf.ope import plotting
from recsim_tf.ope.diagnostics import FEWEST
from recsim_tf.ope.results import Estimate, Gain, Result, Results, between
from recsim_tf.support.files import write_text
from recsim_tf.support.pages import Chart, Note, Part, Section, Table, page
from recsim_tf.support.plots import plot
from recsim_tf.support.tables import number

_LEARNED = (
    "Were the policies learned from other sessions than these? Estimates from the sessions that a"
    " policy was learned from are too high."
)
_WORDS = (
    ("logging policy", "The policy that was live when the sessions were logged."),
    ("propensity", "The probability with which the logging policy showed what it showed."),
    (
        "weight",
        "How much more often the new policy would have shown the slates of a session. Estimates"
        " such as snips are weighted means of the returns of the logged sessions.",
    ),
    (
        "simulated, calibrated",
        "Simulated is the mean return of the new policy in a model of the users. Calibrated is the"
        " log's mean plus the difference that the new policy makes in the model. The difference"
        " removes most of the model's error.",
    ),
    (
        "cips, cdr",
        "Weighted means of the clicks of the log. The weight of a click is how much more probable"
        " it is on the new policy's slate, by a click model. Cdr adds what the model says of"
        " documents that the log does not show.",
    ),
    (
        "beyond the log, difference",
        "The gain of the policy over the log, or over another policy, paired by session. Per cent"
        " are relative to the mean return of the log.",
    ),
    (
        "95% interval",
        "The interval contains the true value for 19 of 20 logs, if the assumptions are right.",
    ),
    (
        "ESS",
        "The effective sample size: the number of unweighted sessions whose mean would be as"
        " precise as the weighted mean.",
    ),
    (
        "k-hat",
        "The tail index of the weights. Above 0.7 the mean of the weights cannot be believed.",
    ),
)


def sentences(name: str, result: Result, truth: Estimate | None = None) -> list[str]:
    """Sentences on the mean return of a policy, its gain over the log, and the truth if known."""
    logged = result.logged.value
    texts = []
    if result.best is None:
        reasons = "; ".join(f"{by}: {each.verdict.reason}" for by, each in result.items())
        texts.append(f"No estimate for {name} is to be believed. {reasons}.")
    else:
        best = result[result.best]
        gain = "" if best.gain is None else _gain_sentence(best, logged)
        texts.append(
            f"{name} would earn {number(best.value)} a session, {between(best.interval)} with"
            f" {result.level:.0%} confidence, by {result.best}. The log earned {number(logged)}."
            f" {gain}Verdict: {best.verdict}."
        )
        texts += _agreement_sentences(result)
    if truth is not None:
        where = ""
        if result.best is not None:
            is_inside = _contains(result[result.best], truth)
            where = f", {'inside' if is_inside else 'outside'} the interval"
        texts.append(f"Rollouts give {number(truth.value)}{where}.")
    return texts


def _agreement_sentences(result: Result) -> list[str]:
    """A sentence that compares the best estimate's gain with that of the other kind: an estimate by
    a model with the most precise one by weights, or the other way round.
    """
    best = result[result.best or ""]
    by_model = best.is_by_model
    others = [
        estimate
        for estimate in result.values()
        if estimate.is_by_model != by_model
        and estimate.verdict.is_believable
        and estimate.gain is not None
    ]
    if best.gain is None:
        return []
    if not others:
        word = "without" if by_model else "by"
        return [f"No estimate {word} a model is to be believed, to compare it with."]
    surest = min(others, key=lambda estimate: estimate.standard_error)
    assert surest.gain is not None
    low, high = surest.gain.interval
    agrees = low <= best.gain.interval[1] and best.gain.interval[0] <= high
    word, verb = "Without" if by_model else "By", "agrees" if agrees else "does not agree"
    gain = _between(surest.gain, result.logged.value)
    return [f"{word} a model the gain is {gain}, which {verb}."]


def _gain_sentence(best: Estimate, logged: float) -> str:
    assert best.gain is not None
    value, *_ = best.gain.texts(logged)
    return f"So it earns {best.gain.word}: {value}, {_between(best.gain, logged)}. "


def _between(gain: Gain, logged: float) -> str:
    _, low, high = gain.texts(logged)
    return f"between {low} and {high}"


def _contains(estimate: Estimate, truth: Estimate) -> bool:
    """Tells whether the interval contains the truth, up to the noise of the rollouts."""
    low, high = estimate.interval
    return low - 2 * truth.standard_error <= truth.value <= high + 2 * truth.standard_error


def render(
    results: Mapping[str, Result], title: str, truths: Mapping[str, Estimate] | None = None
) -> str:
    """The page as HTML: a table of all policies, and sections and differences of the policies in
    `Results.shown`.

    Args:
      results: results of `evaluate` from the same log, by name of the policy.
      title: the title of the page.
      truths: results of `ope.truth` by name of the policy, where they are known.

    Raises:
      ImportError: if matplotlib is not installed.
    """
    truths, results = truths or {}, Results(results)
    sections = []
    for name in results.shown:
        result, truth = results[name], truths.get(name)
        texts = sentences(name, result, truth)
        chart = plotting.plot(result, truth).png()
        # A list of lines, so that the page breaks a long verdict.
        rows = [{**row, "verdict": [row["verdict"]]} for row in result.rows()]
        parts: list[Part] = [*texts, Chart(chart, texts[0]), Table(rows), *_checks(result)]
        sections.append(Section(f"{name}: what would it earn?", parts))
    first = next(iter(results.values()))
    findings = first.findings
    parts = [findings.summary, findings.table(findings.values()), Note(_LEARNED)]
    sections.append(Section("What can the log tell?", parts))
    words = [{"word": word, "meaning": [meaning]} for word, meaning in _WORDS]
    sections.append(Section("How to read this page", [Table(words)]))
    answers = [_answer(name, results[name], truths.get(name)) for name in results.order]
    logged = first.logged.value
    above: list[Part] = [f"The log earned {number(logged)} a session.", Table(answers)]
    above += filter(None, [results.left_out])
    above += [Table(results.rows(results.shown))] * (len(results) > 1)
    return page(title, sections, above)


def _answer(name: str, result: Result, truth: Estimate | None) -> dict[str, Any]:
    """The row of a policy in the table of answers."""
    logged, best = result.logged.value, None if result.best is None else result[result.best]
    gain = None if best is None else best.gain
    value, low, high = (None, None, None) if gain is None else gain.texts(logged)
    row: dict[str, Any] = {
        "policy": name,
        "earns": None if best is None else number(best.value),
        "difference": value,
        "between": None if gain is None else f"{low} and {high}",
        "so it earns": None if gain is None else gain.word,
        "by": result.best,
        "verdict": ["not to be judged from this log" if best is None else best.verdict.word],
    }
    return row if truth is None else {**row, "rollouts": number(truth.value)}


@checked
def write_report(
    path: str | os.PathLike,
    results: Result | Mapping[str, Result],
    title: str = "Policies judged from a log",
    truths: Mapping[str, Estimate] | None = None,
) -> None:
    """Writes the page of `render`. A single `Result` gets the name "The new policy".

    Args:
      path: the path of the file, which is replaced if it exists.
      results, title, truths: see `render`.

    Raises:
      ImportError: if matplotlib is not installed.
      OSError: if the file cannot be written.
    """
    named = {"The new policy": results} if isinstance(results, Result) else results
    write_text(Path(path), render(named, title, truths))


def _checks(result: Result) -> list[Part]:
    """Checks of the weights of whole sessions, and the log's evidence on the assumptions."""
    weights = result.weights
    if weights is None:
        return [Note("The log has no propensities, so no session can be weighted.")]
    if weights.mean == 0:
        return [Note(f"{weights.warning_of_few_effective_sessions().capitalize()}.")]
    checks = (
        (
            "mean weight",
            f"{weights.mean:.3f} \N{PLUS-MINUS SIGN} {weights.mean_error:.3f}",
            "1, up to three errors",
            not weights.warning_of_wrong_propensities(),
            "Propensities are wrong, or the log lacks slates of the new policy.",
        ),
        (
            "sessions that count (ESS)",
            number(round(weights.effective_sample_size)),
            f"at least {FEWEST}",
            weights.effective_sample_size >= FEWEST,
            "A few sessions decide the estimate.",
        ),
        (
            "tail of the weights (k-hat)",
            number(weights.pareto_k),
            f"at most {weights.highest_k:.2f}",
            not weights.pareto_k > weights.highest_k,
            "The interval is too narrow.",
        ),
    )
    rows = [
        {
            "check": name,
            "found": figure,
            "asked": asked,
            "holds": holds,
            "else": ["" if holds else why],
        }
        for name, figure, asked, holds, why in checks
    ]
    half = (
        f"{weights.sessions_of_half:,} of {len(weights.shares):,} sessions carry half the weight."
    )
    note = half
    if not weights.warning_of_few_effective_sessions():
        note = (
            f"{half} As far as the log can tell, the reward of a position depends on its"
            f" {result.reading}."
        )
    chart = plot(plotting.draw_shares, weights, size=(5.4, 3.2)).png()
    return [Table(rows), Chart(chart, "Shares of the weight"), Note(note)]
