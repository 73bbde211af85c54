"""Sessions as text for a terminal."""

import textwrap
from collections.abc import Iterator, Sequence

from recsim_tf.experiment.sessions.sessions import Alternatives, Session, Shown, Turn
from recsim_tf.experiment.sessions.words import column, counted, number
from recsim_tf.tables import plain_table, text_table

_WIDTH = 98
# Of alternatives that were not shown, so many are listed, the best by their first number.
_LISTED = 3


def sessions_text(title: str, sessions: Sequence[Session], max_turns: int) -> str:
    """All sessions, and a table of them in front.

    Args:
      title: the first line.
      sessions: of some users.
      max_turns: turns of each that are printed.
    """
    head = ("user", "turns", "reward", "clicks", "end")
    rows = [
        (
            f"{session.user}",
            f"{session.num_turns:,}",
            number(session.total),
            number(session.clicks),
            session.end,
        )
        for session in sessions
    ]
    lines = [title, "", text_table([head, *rows], left=(0, 4))]
    for session in sessions:
        lines += ["", *_session(session, max_turns)]
    return "\n".join(lines)


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
    rest = session.rewards[len(told) :]
    if len(rest):
        yield ""
        what = counted(len(rest), "more turn" if told else "turn")
        yield f"... {what}, with a reward of {number(rest.sum())} ..."
    yield ""
    if session.finish != session.start:
        yield f"ends with {session.finish}"
    yield f"{session.ending[0].upper()}{session.ending[1:]}: reward {number(session.total)}."


def _turn(turn: Turn) -> Iterator[str]:
    yield f"Turn {turn.number}" + (f": the system {turn.says}" if turn.says else "")
    candidates = next((found for found in turn.alternatives if found.are_candidates), None)
    yield from textwrap.indent(_shown(turn.shown, candidates), "  ").splitlines()
    for found in turn.alternatives:
        yield from _wrapped(_others(found))
    if turn.thoughts:
        yield from _wrapped(", ".join(f"{name} {number(value)}" for name, value in turn.thoughts))
    outcome = [f"The user {turn.does}.", f"Reward {number(turn.reward)}."]
    if turn.changes:
        outcome.append(f"{', '.join(turn.changes)}.")
    yield from _wrapped(" ".join(outcome))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")


def _shown(shown: Sequence[Shown], candidates: Alternatives | None) -> str:
    """The slate, with what the policy thought of its documents."""
    if not shown:
        return "no documents"
    cells = [
        ["", *(f"{'>' if document.clicked else ' '}{document.position}" for document in shown)],
        ["", *(document.words for document in shown)],
    ]
    if candidates is not None:
        numbers = {row.place: row.numbers for row in candidates.rows}
        of_shown = zip(*(numbers[document.candidate] for document in shown), strict=True)
        for name, values in zip(candidates.names, of_shown, strict=True):
            cells.append([name, *column(values)])
    table = plain_table(list(zip(*cells, strict=True)), left=(0, 1))
    return table if candidates is not None else table.partition("\n")[2]


def _others(found: Alternatives) -> str:
    """The best of what was not shown."""
    others = [row for row in found.rows if not row.shown]
    numbers = column([row.numbers[0] for row in others])
    listed = [
        f"{row.words} ({value or 'no number'})"
        for row, value in zip(others[:_LISTED], numbers, strict=False)
    ]
    num_more = len(others) + found.num_others - len(listed)
    if num_more:
        listed.append(f"{num_more:,} more")
    what = "not shown, by" if found.are_candidates else "by"
    return f"{what} {found.names[0]}: {'; '.join(listed)}" if listed else ""
