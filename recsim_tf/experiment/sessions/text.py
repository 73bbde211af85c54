"""Sessions as text for a terminal."""

import textwrap
from collections.abc import Iterator, Sequence

from recsim_tf.experiment.sessions.turns import Alternative, Others, Session, Turn, overview
from recsim_tf.experiment.sessions.words import column, number
from recsim_tf.support.tables import plain_table, text_table

_WIDTH = 98
# Of alternatives that were not shown, so many are listed.
_LISTED = 3


def sessions_text(title: str, sessions: Sequence[Session], max_turns: int) -> str:
    """A title, a table of all sessions, and `max_turns` turns of each."""
    rows = overview(sessions)
    table = text_table([list(rows[0]), *(list(row.values()) for row in rows)], left=(0, 4))
    lines = [title, "", table]
    for session in sessions:
        lines += ["", *_session(session, max_turns)]
    return "\n".join(lines)


def others_text(others: Others) -> str:
    """The best of what was not shown, with the first number of each."""
    numbers = column([found.numbers[others.name] for found in others.best])
    listed = [
        f"{found.words} ({value or 'no number'})"
        for found, value in zip(others.best[:_LISTED], numbers, strict=False)
    ]
    num_more = len(others.best) + others.num_more - len(listed)
    if num_more:
        listed.append(f"{num_more:,} more")
    what = "not shown, by" if others.are_candidates else "by"
    return f"{what} {others.name}: {'; '.join(listed)}" if listed else ""


def alternatives_rows(alternatives: Sequence[Alternative]) -> list[tuple[str, ...]]:
    """A head and a row for each: its place, its words and its numbers."""
    names = list(alternatives[0].numbers)
    columns = [column([each.numbers[name] for each in alternatives]) for name in names]
    places = [f"{'>' if each.clicked else ' '}{each.position or ' '}" for each in alternatives]
    texts = [each.words for each in alternatives]
    return [("", "", *names), *zip(places, texts, *columns, strict=True)]


def _session(session: Session, max_turns: int) -> Iterator[str]:
    heading = f"User {session.user}"
    yield heading
    yield "=" * len(heading)
    if session.start:
        yield f"starts with {session.start}"
    told = session.turns[:max_turns]
    for turn in told:
        yield ""
        yield from _turn(turn)
    rest = session.rest(len(told))
    if rest:
        yield ""
        yield f"... {rest} ..."
    yield ""
    if session.finish != session.start:
        yield f"ends with {session.finish}"
    yield f"{session.ending}."


def _turn(turn: Turn) -> Iterator[str]:
    yield f"Turn {turn.number}" + (f": the system {turn.says}" if turn.says else "")
    yield from textwrap.indent(_shown(turn.shown), "  ").splitlines()
    for others in turn.others:
        yield from _wrapped(others_text(others))
    yield from _wrapped(turn.thoughts)
    outcome = f"The user {turn.does}. Reward {number(turn.reward)}."
    if turn.changes:
        outcome += f" {', '.join(turn.changes)}."
    yield from _wrapped(outcome)


def _shown(shown: Sequence[Alternative]) -> str:
    """The slate, with what the policy thought of its documents."""
    if not shown:
        return "no documents"
    table = plain_table(alternatives_rows(shown), left=(0, 1))
    return table if shown[0].numbers else table.partition("\n")[2]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
