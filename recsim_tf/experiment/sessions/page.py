"""Sessions as a page."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from recsim_tf.experiment.sessions.text import alternatives_rows, others_text
from recsim_tf.experiment.sessions.turns import Alternative, Others, Session, Turn, overview
from recsim_tf.experiment.sessions.words import counted, number
from recsim_tf.support.pages import Chart, Details, Marked, Note, Part, Section, Table, page
from recsim_tf.support.plots import figures

# Turns that a chart has room for at least, so that bars are narrow.
_LEAST_WIDTH = 12
_NOT_SHOWN, _SHOWN, _CLICKED = "#b9bec7", "#2f6fd0", "#d9730d"


def sessions_page(title: str, about: str, sessions: Sequence[Session]) -> str:
    """The page of the sessions of some users, with `about` in front, which says where they are
    from.
    """
    introduction: list[Part] = [about, Table(overview(sessions))]
    if not any(turn.others or turn.thoughts for session in sessions for turn in session.turns):
        introduction.append(Note("The policy does not explain its choices."))
    return page(title, [_section(session) for session in sessions], introduction)


def _section(session: Session) -> Section:
    parts: list[Part] = [f"{session.ending}, {counted(session.clicks, 'click')}.", _chart(session)]
    if session.start:
        parts.append(Note(f"Starts with {session.start}."))
    explains = any(turn.others or turn.thoughts for turn in session.turns)
    parts.append(Table([_row(turn, explains) for turn in session.turns]))
    rest = session.rest(len(session.turns))
    if rest:
        parts.append(f"… {rest}: see the table beside this page.")
    if session.finish != session.start:
        parts.append(Note(f"Ends with {session.finish}."))
    return Section(f"User {session.user}", parts)


def _row(turn: Turn, explains: bool) -> dict[str, Any]:
    shown = [(Marked if each.clicked else str)(_label(each)) for each in turn.shown]
    row: dict[str, Any] = {
        "turn": f"{turn.number}",
        "the system": [*filter(None, [turn.says]), *shown],
        "the user": [turn.does, *turn.changes],
        "reward": number(turn.reward),
    }
    if explains:
        row["the policy"] = _policy(turn)
    return row


def _policy(turn: Turn) -> list[Part]:
    lines = map(Note, filter(None, [*map(others_text, turn.others), turn.thoughts]))
    kinds = [
        [*(turn.shown if others.are_candidates else ()), *others.best] for others in turn.others
    ]
    tables = [_table(alternatives) for alternatives in kinds if alternatives]
    return [*lines, *([Details("all numbers", tables)] if tables else [])]


def _table(alternatives: Sequence[Alternative]) -> Table:
    (_, _, *names), *rows = alternatives_rows(alternatives)
    return Table(
        [
            {"": _label(each), **dict(zip(names, numbers, strict=True))}
            for each, (_, _, *numbers) in zip(alternatives, rows, strict=True)
        ]
    )


def _label(each: Alternative) -> str:
    return f"{each.position}. {each.words}" if each.position else each.words


def _chart(session: Session) -> Chart:
    """The reward of each turn, and what the policy thought of its candidates."""
    of_candidates = {
        turn.number: others
        for turn in session.turns
        for others in turn.others
        if others.are_candidates
    }
    rows = 2 if of_candidates else 1
    png = io.BytesIO()
    with figures(png, (9, 0.4 + 1.6 * rows), rows, 1) as (rewards, *below):
        rewards.bar(range(1, session.num_turns + 1), session.rewards, color=_SHOWN)
        rewards.set_ylabel("reward")
        for axes in below:
            _draw_candidates(axes, session, of_candidates)
        for axes in (rewards, *below):
            axes.set_xlim(0.4, max(session.num_turns, _LEAST_WIDTH) + 0.6)
            axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("turn")
    words = f"Reward of each turn, at most {number(session.rewards.max())}"
    if of_candidates:
        words += ", and what the policy thought of its candidates"
    return Chart(png.getvalue(), words, f"{words}.")


def _draw_candidates(axes: Any, session: Session, of_candidates: Mapping[int, Others]) -> None:
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
    for kind, found in points.items():
        turns, values = zip(*found, strict=True) if found else ((), ())
        axes.plot(turns, values, "o", markersize=4, color=kinds[kind], label=kind)
    axes.set_ylabel(name)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=9)
