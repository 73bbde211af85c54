"""Sessions as one page of HTML."""

from collections.abc import Sequence
from html import escape

import tensorflow as tf

from recsim_tf._version import __version__
from recsim_tf.experiment.sessions import charts
from recsim_tf.experiment.sessions.sessions import Alternative, Alternatives, Session, Turn
from recsim_tf.experiment.sessions.style import STYLE
from recsim_tf.experiment.sessions.words import column, counted, number
from recsim_tf.pages import page

# Alternatives that are no candidates, of which so many are named.
_BEST = 4
_CLICKED = ' class="clicked"'
_COLUMNS = ("turn", "the system shows", "the user", "reward")


def sessions_page(title: str, about: str, sessions: Sequence[Session]) -> str:
    """The page, without scripts and without other files.

    Args:
      title: of the page.
      about: what these sessions are.
      sessions: of some users.
    """
    return page(
        title,
        [_section(session) for session in sessions],
        f"recsim_tf {__version__}, TensorFlow {tf.__version__}",
        [f'<p class="about">{escape(about)}</p>', _users(sessions), _legend(sessions)],
        STYLE,
    )


def _users(sessions: Sequence[Session]) -> str:
    """The table of contents: a line for each user."""
    totals = [session.total for session in sessions]
    rows = [
        f'<tr><td><a href="#user-{session.user}">User {session.user}</a></td>'
        f"<td>{session.num_turns:,}</td><td>{number(session.clicks)}</td>"
        f"<td>{number(session.total)}</td><td>{charts.part(session.total, totals, 'shown')}</td>"
        f"<td>{session.end}</td></tr>"
        for session in sessions
    ]
    head = "".join(f"<th>{name}</th>" for name in ("user", "turns", "clicks", "reward", "", "end"))
    return (
        f'<nav class="table"><table class="users">\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table></nav>"
    )


def _legend(sessions: Sequence[Session]) -> str:
    found = [found for session in sessions for found in session.turns[0].alternatives]
    if not found:
        return '<p class="note">The policy does not explain its choices.</p>'
    names = " and ".join(dict.fromkeys(escape(alternatives.names[0]) for alternatives in found))
    keys = ""
    if any(alternatives.are_candidates for alternatives in found):
        keys = "".join(
            f'<span><i class="{kind}"></i>{words}</span>'
            for kind, words in (("shown", "shown"), ("clicked", "clicked"), ("other", "not shown"))
        )
    return (
        f'<p class="note legend">Bars at the right: what the policy thought of its alternatives,'
        f" {names}. Click them for all numbers. {keys}</p>"
    )


def _section(session: Session) -> tuple[str, str, list[str]]:
    parts = [
        f'<p class="ending">{escape(session.ending[0].upper() + session.ending[1:])}: reward'
        f" <b>{number(session.total)}</b>, {counted(session.clicks, 'click')}.</p>",
        charts.strip(session.rewards.tolist()),
        f'<p class="caption">reward of each turn, at most {number(session.rewards.max())}</p>',
    ]
    if session.start:
        parts.append(f'<p class="state"><b>starts with</b> {escape(session.start)}</p>')
    explains = any(turn.alternatives or turn.thoughts for turn in session.turns)
    head = [*_COLUMNS, "the policy"] if explains else _COLUMNS
    cells = "".join(f"<div>{name}</div>" for name in head)
    parts.append(f'<div class="turn head">{cells}</div>')
    parts += [_turn(turn) for turn in session.turns]
    rest = session.rewards[len(session.turns) :]
    if len(rest):
        parts.append(
            f'<p class="more">… {counted(len(rest), "more turn")}, with a reward of'
            f" {number(rest.sum())}: see the table.</p>"
        )
    if session.finish != session.start:
        parts.append(f'<p class="state"><b>ends with</b> {escape(session.finish)}</p>')
    return f"user-{session.user}", f"User {session.user}", parts


def _turn(turn: Turn) -> str:
    documents = "".join(
        f'<li title="candidate {document.candidate}"{_CLICKED if document.clicked else ""}>'
        f'<span class="place">{document.position}</span>{escape(document.words)}</li>'
        for document in turn.shown
    )
    says = f'<div class="says">{escape(turn.says)}</div>' if turn.says else ""
    changes = "".join(f"<div>{escape(change)}</div>" for change in turn.changes)
    none = "" if turn.reward else " none"
    return (
        f'<div class="turn"><div class="number">{turn.number}</div>\n'
        f"<div>{says}<ol>{documents}</ol></div>\n"
        f'<div>{escape(turn.does)}<div class="changes">{changes}</div></div>\n'
        f'<div class="reward{none}">{number(turn.reward)}</div>\n{_policy(turn)}</div>'
    )


def _policy(turn: Turn) -> str:
    thoughts = "".join(
        f"<div>{escape(name)} {number(value)}</div>" for name, value in turn.thoughts
    )
    thoughts = f'<div class="thoughts">{thoughts}</div>' if thoughts else ""
    if not turn.alternatives:
        return f'<div class="policy">{thoughts}</div>' if thoughts else ""
    drawn = "".join(
        _bars(found) if found.are_candidates else _best(found) for found in turn.alternatives
    )
    tables = "".join(_table(found) for found in turn.alternatives)
    return f"<details><summary>{drawn}{thoughts}</summary>{tables}</details>"


def _bars(found: Alternatives) -> str:
    """The candidates, whose words are beside them."""
    values = column([row.numbers[0] for row in found.rows])
    return charts.bars(
        [
            charts.Bar(row.numbers[0], _kind(row), f"{row.words}: {value}")
            for row, value in zip(found.rows, values, strict=True)
        ]
    )


def _best(found: Alternatives) -> str:
    """The best of other alternatives, in words."""
    first = [row.numbers[0] for row in found.rows]
    return "".join(
        charts.shaded(f"{escape(row.words)} <b>{value}</b>", row.numbers[0], first)
        for row, value in zip(found.rows[:_BEST], column(first), strict=False)
    )


def _table(found: Alternatives) -> str:
    columns = [column(values) for values in zip(*(row.numbers for row in found.rows), strict=True)]
    first = [row.numbers[0] for row in found.rows]
    head = ("candidate" if found.are_candidates else "alternative", "", *found.names)
    lines = [f"<thead><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr></thead>"]
    for row, *numbers in zip(found.rows, *columns, strict=True):
        cells = [escape(row.words), charts.part(row.numbers[0], first, _kind(row)), *numbers]
        tag = "tr" if _kind(row) == "other" else f'tr class="{_kind(row)}"'
        lines.append(f"<{tag}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    more = f'<div class="thoughts">and {found.num_others:,} more</div>' if found.num_others else ""
    return f'<div class="table"><table>{"".join(lines)}</table></div>{more}'


def _kind(row: Alternative) -> str:
    if row.clicked:
        return "clicked"
    return "shown" if row.shown else "other"
