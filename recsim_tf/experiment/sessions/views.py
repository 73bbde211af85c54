# SPDX-License-Identifier: Apache-2.0
"""Sessions as text for a terminal, and as a page."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recsim_tf.experiment.sessions.turn_texts import (
    Alternative,
    Others,
    SessionText,
    TurnText,
    column,
    counted,
    number,
)
from recsim_tf.support.pages import Chart, Details, Marked, Note, Part, Section, Table, page
from recsim_tf.support.plots import new_figure
from recsim_tf.support.tables import text_table

_WIDTH = 98
# Alternatives that are listed, of those that were not shown.
_LISTED = 3
# Turns that a chart has room for at least, so that bars are narrow.
_LEAST_WIDTH = 12
_NOT_SHOWN, _SHOWN, _CLICKED = "#b9bec7", "#2f6fd0", "#d9730d"


def sessions_text(title: str, sessions: Sequence[SessionText], max_turns: int) -> str:
    """A title, a table of all sessions, and `max_turns` turns of each."""
    lines = [title, "", text_table(_overview(sessions), left=(0, 4))]
    for session in sessions:
        lines += ["", *_session_lines(session, max_turns)]
    return "\n".join(lines)


def sessions_page(title: str, about: str, sessions: Sequence[SessionText]) -> str:
    """The page of the sessions of some users; `about` says which sessions they are."""
    introduction: list[Part] = [about, Table(_overview(sessions))]
    if not any(session.explains for session in sessions):
        introduction.append(Note("The policy does not explain its choices."))
    return page(title, [_section(session) for session in sessions], introduction)


def _overview(sessions: Sequence[SessionText]) -> list[dict[str, str]]:
    """A row for each session."""
    return [
        {
            "user": f"{session.user}",
            "turns": f"{session.num_turns:,}",
            "reward": number(session.total),
            "clicks": number(session.clicks),
            "end": session.end,
        }
        for session in sessions
    ]


def _others_line(others: Others) -> str:
    """The best of the alternatives that were not shown, with the first number of each."""
    numbers = column([each.numbers[others.name] for each in others.best])
    listed = [
        f"{each.text} ({value or 'no number'})"
        for each, value in zip(others.best[:_LISTED], numbers, strict=False)
    ]
    num_more = len(others.best) + others.num_more - len(listed)
    if num_more:
        listed.append(f"{num_more:,} more")
    what = "not shown, by" if others.are_candidates else "by"
    return f"{what} {others.name}: {'; '.join(listed)}" if listed else ""


def _columns(alternatives: Sequence[Alternative]) -> dict[str, list[str]]:
    """The numbers of alternatives below each other, by name."""
    return {
        name: column([each.numbers[name] for each in alternatives])
        for name in alternatives[0].numbers
    }


def _session_lines(session: SessionText, max_turns: int) -> Iterator[str]:
    heading = f"User {session.user}"
    yield from (heading, "=" * len(heading))
    if session.start:
        yield f"starts with {session.start}"
    turns = session.turns[:max_turns]
    for turn in turns:
        yield ""
        yield from _turn_lines(turn)
    rest = session.rest(len(turns))
    if rest:
        yield from ("", f"... {rest} ...")
    yield ""
    if session.finish != session.start:
        yield f"ends with {session.finish}"
    yield f"{session.ending}."


def _turn_lines(turn: TurnText) -> Iterator[str]:
    yield f"Turn {turn.number}" + (f": the system {turn.says}" if turn.says else "")
    yield from textwrap.indent(_slate_table(turn.shown), "  ").splitlines()
    outcome = f"The user {turn.does}. Reward {number(turn.reward)}."
    if turn.changes:
        outcome += f" {', '.join(turn.changes)}."
    for text in (*map(_others_line, turn.others), turn.thoughts, outcome):
        yield from textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")


def _slate_table(shown: Sequence[Alternative]) -> str:
    """The slate, with the numbers of the policy for its documents."""
    if not shown:
        return "no documents"
    columns = _columns(shown)
    positions = [f"{'>' if each.clicked else ' '}{each.position}" for each in shown]
    rows = zip(positions, [each.text for each in shown], *columns.values(), strict=True)
    table = text_table([("", "", *columns), *rows], left=(0, 1), style="plain")
    return table if columns else table.partition("\n")[2]


def _section(session: SessionText) -> Section:
    parts: list[Part] = [f"{session.ending}, {counted(session.clicks, 'click')}.", _chart(session)]
    if session.start:
        parts.append(Note(f"Starts with {session.start}."))
    parts.append(Table([_row(turn, session.explains) for turn in session.turns]))
    rest = session.rest(len(session.turns))
    if rest:
        parts.append(f"… {rest}: see the table beside this page.")
    if session.finish != session.start:
        parts.append(Note(f"Ends with {session.finish}."))
    return Section(f"User {session.user}", parts)


def _row(turn: TurnText, explains: bool) -> dict[str, Any]:
    shown = [(Marked if each.clicked else str)(_label(each)) for each in turn.shown]
    row: dict[str, Any] = {
        "turn": f"{turn.number}",
        "the system": [*filter(None, [turn.says]), *shown],
        "the user": [turn.does, *turn.changes],
        "reward": number(turn.reward),
    }
    if explains:
        row["the policy"] = _policy_parts(turn)
    return row


def _policy_parts(turn: TurnText) -> list[Part]:
    lines = map(Note, filter(None, [*map(_others_line, turn.others), turn.thoughts]))
    tables = []
    for others in turn.others:
        alternatives = [*(turn.shown if others.are_candidates else ()), *others.best]
        if alternatives:
            columns = {"": list(map(_label, alternatives)), **_columns(alternatives)}
            rows = zip(*columns.values(), strict=True)
            tables.append(Table([dict(zip(columns, row, strict=True)) for row in rows]))
    return [*lines, *([Details("all numbers", tables)] if tables else [])]


def _label(each: Alternative) -> str:
    return f"{each.position}. {each.text}" if each.position else each.text


def _chart(session: SessionText) -> Chart:
    """The reward of each turn, and the first number of the policy for each candidate."""
    of_candidates = {
        turn.number: others
        for turn in session.turns
        for others in turn.others
        if others.are_candidates
    }
    rows = 2 if of_candidates else 1
    drawn = new_figure((9, 0.4 + 1.6 * rows), rows)
    rewards, *below = drawn.axes
    rewards.bar(range(1, session.num_turns + 1), session.rewards, color=_SHOWN)
    rewards.axhline(0, color=_NOT_SHOWN, linewidth=1)
    rewards.set_ylabel("reward")
    for axes in below:
        _draw_candidates(axes, session, of_candidates)
    for axes in (rewards, *below):
        axes.set_xlim(0.4, max(session.num_turns, _LEAST_WIDTH) + 0.6)
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("turn")
    lowest, highest = session.rewards.min(), session.rewards.max()
    within = f"from {number(lowest)} to" if lowest < 0 else "at most"
    words = f"Reward of each turn, {within} {number(highest)}"
    if of_candidates:
        words += ", and what the policy thought of its candidates"
    return Chart(drawn.png(), words, f"{words}.")


def _draw_candidates(axes: Any, session: SessionText, of_candidates: Mapping[int, Others]) -> None:
    """Draws the first number of each candidate, by turn."""
    name = next(iter(of_candidates.values())).name
    kinds = {"not shown": _NOT_SHOWN, "shown": _SHOWN, "clicked": _CLICKED}
    points: dict[str, list[tuple[int, float]]] = {kind: [] for kind in kinds}
    for turn in session.turns:
        if turn.number in of_candidates:
            for each in (*turn.shown, *of_candidates[turn.number].best):
                shown = "shown" if each.position else "not shown"
                kind = "clicked" if each.clicked else shown
                points[kind].append((turn.number, each.numbers[name]))
    for kind, tagged in points.items():
        turns, values = zip(*tagged, strict=True) if tagged else ((), ())
        axes.plot(turns, values, "o", markersize=4, color=kinds[kind], label=kind)
    axes.set_ylabel(name)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=9)
