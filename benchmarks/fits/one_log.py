"""One log: a table that NumPy makes, read once, then fitted, validated, judged and written back.

Readers meet two of six candidates in each of 3 to 10 steps. They click on any number of them: by
their country, the page that they are on, the quality of the document, and whether they like its
topic, which nobody sees. They read what they click on for some minutes. The table has ids such as
007, timestamps, a column that nobody reads, empty cells for a tenth of the countries and a fiftieth
of the minutes, and the probability with which the old policy showed the slate; a second one has the
candidates. The model is the right one, so that estimates are within their standard errors, and
NumPy also says what a new policy would earn.

Two public logs say what it costs that sessions have lengths of their own: KuaiRand (a feed of short
videos) and Ta-Feng (baskets of a supermarket). A model of the feed is fitted in two processes: with
sessions of similar lengths together, and with all of them padded to the longest.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pandas as pd
import processes
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import fitting, logs, ope, policies
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.fitting.report.recovery import recover
from recsim_tf.logs import lengths
from recsim_tf.support.tables import text_table

_NUM_DOCUMENTS, _NUM_CANDIDATES, _SLATE_SIZE = 40, 6, 2
_ROWS = {False: 200_000, True: 3_000}
_STEPS = (3, 10)  # the fewest and the most of a session
_COUNTRIES, _TABS = ("DE", "FR", "NA"), ("home", "search")
_COUNTRY_PROBS, _SEARCH_PROB = (0.5, 0.3, 0.2), 0.4
_NO_COUNTRY, _NO_MINUTES = 0.1, 0.02
_LIKES_PROB = 0.4  # of the topic; others dislike it as much
_SHARPNESS = {"old": 0.5, "new": 2.0}
_FEATURES = np.random.default_rng(0).standard_normal([_NUM_DOCUMENTS, 2]).astype(np.float32)
TRUTH = {
    "users.country": ([-0.5, 0.0, 0.6], "real"),
    "users.search": (0.8, "real"),
    "users.quality": (0.7, "real"),
    "users.taste": (0.9, "positive"),
    "users.level": (-1.0, "real"),
    "users.minutes": ([0.5, 0.4], "real"),
    "users.noise": (0.6, "positive"),
}


# The process, in NumPy.


def simulate(generator: np.random.Generator, num_sessions: int, policy: str) -> dict[str, Any]:
    """Sessions under a policy that shows documents of quality first, as arrays [S, T, ...]."""
    value = {name.removeprefix("users."): np.array(truth) for name, (truth, _) in TRUTH.items()}
    shape = (num_sessions, _STEPS[1])
    length = generator.integers(_STEPS[0], _STEPS[1] + 1, num_sessions)
    country = generator.choice(len(_COUNTRIES), num_sessions, p=_COUNTRY_PROBS)
    likes = generator.random(num_sessions) < _LIKES_PROB
    taste = np.where(likes, value["taste"], -value["taste"])
    tab = (generator.random(shape) < _SEARCH_PROB).astype(int)
    keys = generator.random([*shape, _NUM_DOCUMENTS])
    candidates = np.sort(np.argpartition(keys, _NUM_CANDIDATES, axis=2)[..., :_NUM_CANDIDATES])
    logits = _SHARPNESS[policy] * _FEATURES[candidates, 0]
    order = np.argsort(-logits - generator.gumbel(size=logits.shape), axis=2)
    place = order[..., :_SLATE_SIZE]
    slate = np.take_along_axis(candidates, place, axis=2)
    quality, topic = np.moveaxis(_FEATURES[slate], -1, 0)
    liking = value["level"] + value["quality"] * quality + taste[:, None, None] * topic
    liking += value["country"][country][:, None, None] + value["search"] * tab[..., None]
    clicked = generator.random(slate.shape) < 1 / (1 + np.exp(-liking))
    loc = value["minutes"][0] + value["minutes"][1] * quality
    minutes = np.exp(generator.normal(loc, value["noise"]))
    return {
        "length": length,
        "country": country,
        "tab": tab,
        "candidates": candidates,
        "slate": slate,
        "clicked": clicked,
        "minutes": minutes,
        "propensity": _plackett_luce(logits, place),
    }


def _plackett_luce(logits: np.ndarray, place: np.ndarray) -> np.ndarray:
    """[S, T]: the probability of the slates at these places of the candidates."""
    masses, probability = np.exp(logits), 1.0
    for position in range(place.shape[2]):
        chosen = place[..., position : position + 1]
        mass = np.take_along_axis(masses, chosen, axis=2)
        probability = probability * mass[..., 0] / masses.sum(axis=2)
        np.put_along_axis(masses, chosen, 0, axis=2)
    return probability


def tables(generator: np.random.Generator, made: dict[str, Any]) -> tuple[Any, Any]:
    """The tables of impressions and of candidates, as a shop would write them."""
    active = np.arange(_STEPS[1]) < made["length"][:, None]
    session, step, position = np.nonzero(np.repeat(active[..., None], _SLATE_SIZE, axis=2))
    number = len(session)
    country = np.array(_COUNTRIES, object)[made["country"]]
    country[generator.random(len(country)) < _NO_COUNTRY] = None
    clicked = made["clicked"][session, step, position]
    minutes = np.where(clicked, made["minutes"][session, step, position], np.nan)
    minutes[generator.random(number) < _NO_MINUTES] = np.nan
    start = np.datetime64("2026-01-01") + 60 * session.astype("timedelta64[m]")
    impressions = pd.DataFrame(
        {
            "visit": _ids(session),
            "at": start + step.astype("timedelta64[m]"),
            "number": step,
            "place": position + 1,
            "article": _ids(made["slate"][session, step, position]),
            "click": 1 * clicked,
            "minutes": minutes,
            "country": country[session],
            "tab": np.array(_TABS)[made["tab"][session, step]],
            "probability": made["propensity"][session, step],
            "remark": "nobody reads this",
        }
    ).sample(frac=1, random_state=0)
    session, step, place = np.nonzero(np.repeat(active[..., None], _NUM_CANDIDATES, axis=2))
    document = made["candidates"][session, step, place]
    offered = pd.DataFrame(
        {
            "visit": _ids(session),
            "number": step,
            "article": _ids(document),
            "quality": _FEATURES[document, 0],
            "topic": _FEATURES[document, 1],
        }
    )
    return impressions, offered


def _ids(numbers: np.ndarray) -> np.ndarray:
    return np.char.zfill(numbers.astype(str), 3)


def _value(generator: np.random.Generator, num_sessions: int) -> float:
    """Clicks of a session under the new policy."""
    made = simulate(generator, num_sessions, "new")
    active = np.arange(_STEPS[1]) < made["length"][:, None]
    return float((made["clicked"].sum(axis=2) * active).sum(axis=1).mean())


# The model.


class Reader(NamedTuple):
    """The draws of a reader, which are also the state, [B] each."""

    country: Any
    likes: Any
    tab: Any


class Page(NamedTuple):
    """The draw for the next step."""

    tab: Any


class Reads(NamedTuple):
    """A response, [B, K] each."""

    clicked: Any
    minutes: Any


class Readers(recsim_tf.UserModel):
    """Readers of a country, on a page, who like a topic or do not."""

    country: Any = recsim_tf.parameter((0.0, 0.0, 0.0), rank=1)
    search: Any = recsim_tf.parameter(0.0)
    quality: Any = recsim_tf.parameter(0.0)
    taste: Any = recsim_tf.parameter(1.0, above=0)
    level: Any = recsim_tf.parameter(0.0)
    minutes: Any = recsim_tf.parameter((0.0, 0.0), rank=1)
    noise: Any = recsim_tf.parameter(1.0, above=0)

    def initial_draws(self, num_users):
        probs = tf.broadcast_to(tf.constant(_COUNTRY_PROBS), [num_users, len(_COUNTRIES)])
        likes = tfd.Bernoulli(probs=tf.fill([num_users], _LIKES_PROB))
        parts = Reader(tfd.Categorical(probs=probs), likes, self.page(num_users))
        return tfd.JointDistributionNamed(parts)

    def page(self, num_users):
        return tfd.Bernoulli(probs=tf.fill([num_users], _SEARCH_PROB))

    def response(self, state, slate):
        quality, topic = tf.unstack(slate.documents, axis=2)
        of_country = tf.one_hot(state.country, len(_COUNTRIES)) * self.per_user("country", 2)
        liking = self.per_user("search") * tf.cast(state.tab, tf.float32)
        liking += tf.reduce_sum(of_country, axis=1) + self.per_user("level")
        taste = self.per_user("taste") * (2 * tf.cast(state.likes, tf.float32) - 1)
        scores = self.per_user("quality", 2) * quality + taste[:, tf.newaxis] * topic
        clicks = recsim_tf.choice.IndependentClicks()(scores + liking[:, tf.newaxis], slate.mask)
        level, effect = tf.unstack(self.per_user("minutes", 3), axis=-1)
        minutes = tfd.LogNormal(level + effect * quality, self.per_user("noise", 2))
        return recsim_tf.choice.with_engagement(clicks, lambda clicked: minutes)

    def outcome(self, state, slate, draw):
        clicked = tf.cast(draw.choice, tf.float32)
        return Reads(clicked, clicked * draw.engagement_or(0.0))

    def innovation(self, state, slate, response):
        return tfd.JointDistributionNamed(Page(self.page(state.likes.shape[0])))

    def update(self, state, slate, response, innovation):
        return state._replace(tab=innovation.tab)

    def observe(self, state):
        return {"country": state.country, "tab": state.tab}


class Articles(recsim_tf.DocumentModel):
    """Ids, and what they stand for."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(_NUM_DOCUMENTS, num_users, num_candidates, replacement=False)

    def show(self, documents, hidden):
        return tf.gather(tf.constant(_FEATURES), documents)

    def observe(self, documents):
        return tf.gather(tf.constant(_FEATURES), documents)


def _policy(name: str) -> policies.PlackettLucePolicy:
    return policies.PlackettLucePolicy.of_logits(
        lambda observation: _SHARPNESS[name] * observation.documents[..., 0], _SLATE_SIZE
    )


def read(folder: Path) -> logs.Log:
    """The log of the two files."""
    columns = {
        "session": "visit",
        "step": "number",
        "timestamp": "at",
        "position": "place",
        "document": "article",
        "clicked": "click",
        "engagement": "minutes",
        "propensity": "probability",
    }
    return logs.from_table(
        folder / "log.csv",
        columns,
        user_columns={"country": "country"},
        context={"tab": "tab"},
        candidates=folder / "candidates.csv",
        document_ids=_ids(np.arange(_NUM_DOCUMENTS)),
        first_position=1,
        departed=False,
        multiple_clicks=True,
    )


# The study.


def one_log(seed: int, path: str | None, quick: bool) -> dict[str, Any]:
    """The study of the table; with a path also padding and a fit of the public logs."""
    table = processes.run_worker(__name__, Task("table", seed, quick)._asdict(), False)
    figures = {
        "one_log.max_z": max(abs(row["z"]) for row in table["estimates"]),
        "one_log.rows_back": table["rows_back"],
        "one_log.seconds": sum(table["seconds"].values()),
        "one_log.peak_gb": table["bytes"] / 2**30,
    }
    padding, feed = {}, {}
    if path is not None:
        padding = {name: _padding(length) for name, length in _lengths(Path(path)).items()}
        figures |= {f"padding.{name}": row["now"] for name, row in padding.items()}
        for name in ("by length", "padded"):
            task = Task("feed", seed, quick, path, name == "padded")
            feed[name] = processes.run_worker(__name__, task._asdict(), False)
        for figure, key in (("seconds", "seconds"), ("peak", "bytes")):
            ratio = feed["by length"][key] / feed["padded"][key]
            figures[f"feed.{figure}_ratio"] = ratio
    return {"study": "one_log", "figures": figures, "own": table, "padding": padding, "feed": feed}


class Task(NamedTuple):
    """The task of a process that measures."""

    study: str  # "table" or "feed"
    seed: int
    quick: bool
    path: str = ""  # folder of the public logs
    padded: bool = False  # all sessions to the longest


def timed(task: Task) -> dict[str, Any]:
    """The result of a study, with the largest resident size of this process."""
    result = _table(task.seed, task.quick) if task.study == "table" else _feed(task)
    # The peak of this process alone; that of getrusage is inherited from the one that started it.
    status = Path("/proc/self/status").read_text()
    return {**result, "bytes": int(status.split("VmHWM:")[1].split()[0]) * 1024}


def _table(seed: int, quick: bool) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    mean_steps = sum(_STEPS) / 2
    made = simulate(generator, round(_ROWS[quick] / mean_steps / _SLATE_SIZE), "old")
    impressions, offered = tables(generator, made)
    seconds = {}

    def clock(name: str, function: Any) -> Any:
        started = time.process_time()
        result = function()
        seconds[name] = time.process_time() - started
        return result

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        impressions.to_csv(folder / "log.csv", index=False)
        offered.to_csv(folder / "candidates.csv", index=False)
        log = clock("read", lambda: read(folder))
    shown = str(log)
    back = clock("write", lambda: logs.to_table(log))
    log = log.with_engagement()
    truth = {name: value for name, (value, _) in TRUTH.items() if name != "users.level"}
    parameters = {
        name: fitting.Parameter(np.multiply(0.5, value), TRUTH[name][1])
        for name, value in truth.items()
    }
    # The level is not estimated, since each country has one of its own.
    parameters["users.level"] = fitting.Parameter(TRUTH["users.level"][0], fixed=True)
    simulator = recsim_tf.Simulator(
        Readers(), Articles(), _SLATE_SIZE, _NUM_CANDIDATES, max_steps=_STEPS[1]
    )
    search = fitting.LBFGS(2 if quick else 100, progress=False)
    train, held_out = log.split(0.2, seed)
    result = clock(
        "fit",
        lambda: fitting.fit(
            simulator,
            parameters,
            train,
            method=fitting.Classes(search=search),
            seed=seed,
        ),
    )
    rows = [
        {
            "parameter": row.parameter + "".join(f"[{at}]" for at in row.element),
            "truth": row.truth,
            "estimate": row.estimate,
            "error": row.standard_error,
            "z": (row.estimate - row.truth) / row.standard_error,
        }
        for row in recover(truth, result.estimates)
    ]
    validation = clock(
        "validate", lambda: fitting.validate(result.simulator, train, held_out, seed=seed)
    )
    judged = clock(
        "judge",
        lambda: ope.evaluate(
            _policy("new"), log, ("snips", "simulated"), model=result, logging=_policy("old")
        ),
    )
    return {
        "log": shown,
        "rows": len(impressions),
        "rows_back": _rows_back(impressions, back),
        "estimates": rows,
        "ending": result.ending,
        "latents": result.latents,
        "validation": str(validation),
        "judged": str(judged),
        "truth": _value(generator, 2_000 if quick else 100_000),
        "interval": judged["snips"].interval,
        "seconds": seconds,
    }


def _rows_back(impressions: Any, back: Any) -> int:
    """Rows of the table that `to_table` gives back as they were."""
    names = {
        "visit": "session",
        "number": "step",
        "place": "position",
        "article": "document",
        "click": "clicked",
        "minutes": "engagement",
        "country": "country",
        "tab": "tab",
        "probability": "propensity",
        "at": "timestamp",
    }
    key = ["visit", "number", "place"]
    expected = impressions.sort_values(key).reset_index(drop=True)
    returned = back.rename(columns={role: name for name, role in names.items()})
    returned = returned.assign(place=returned["place"] + 1, at=returned["at"].dt.tz_localize(None))
    returned = returned.sort_values(key).reset_index(drop=True)
    if len(returned) != len(expected):
        return 0
    same = np.ones(len(expected), bool)
    for name in names:
        before, after = expected[name], returned[name]
        if before.dtype.kind == "f":
            # Minutes are float32 in a log.
            same &= np.isclose(before, after, rtol=1e-6, atol=0, equal_nan=True)
        else:
            same &= ((before == after) | (before.isna() & after.isna())).to_numpy(bool)
    return int(same.sum())


# The public logs.


def _lengths(folder: Path) -> dict[str, np.ndarray]:
    """Steps of the sessions of public logs: impressions of users, days of customers."""
    feed = pd.read_parquet(folder / "kuairand_train.parquet", columns=["user_id"])
    shop = pd.read_parquet(
        folder / "ta_feng.parquet", columns=["CUSTOMER_ID", "TRANSACTION_DT"]
    ).drop_duplicates()
    return {
        "kuairand": feed.groupby("user_id").size().to_numpy(),
        "ta_feng": shop.groupby("CUSTOMER_ID").size().to_numpy(),
    }


def _padding(length: np.ndarray) -> dict[str, float]:
    """Padded steps for each step: in one shape, and as fits compute."""
    groups = lengths.groups_by_length(length)
    padded = sum(len(group) * length[group].max() for group in groups)
    return {
        "sessions": len(length),
        "steps": int(length.sum()),
        "longest": int(length.max()),
        "shapes": len(groups),
        "one_shape": len(length) * length.max() / length.sum(),
        "now": padded / length.sum(),
    }


def _feed(task: Task) -> dict[str, Any]:
    """The first iterations of a fit of a model of the feed."""
    from fits import feed

    folder = Path(task.path)
    log, num_sessions = feed.read(folder), 300 if task.quick else None
    log = log.take(slice(num_sessions))
    # Nothing is worth a further shape where all sessions are padded to the longest.
    worth = np.inf if task.padded else lengths._WORTH
    with mock.patch.object(lengths, "_WORTH", worth):
        started = time.process_time()
        search = fitting.LBFGS(1 if task.quick else 3, progress=False)
        result = fitting.fit(
            feed.simulator(folder),
            feed.starts(),
            log,
            method=fitting.Classes(search=search, uncertainty=None),
        )
    seconds = time.process_time() - started
    return {"seconds": seconds, "log_likelihood": float(result.log_likelihood)}


def one_log_table(result: dict[str, Any]) -> str:
    """The result for a person."""
    table = result["own"]
    head = ("parameter", "truth", "estimate", "s.e.", "z")
    cells = [
        (
            row["parameter"],
            f"{row['truth']:.3f}",
            f"{row['estimate']:.3f}",
            f"{row['error']:.3f}",
            f"{row['z']:+.1f}",
        )
        for row in table["estimates"]
    ]
    low, high = table["interval"]
    times = ", ".join(f"{name} {value:.0f}" for name, value in table["seconds"].items())
    lines = [
        table["log"],
        "",
        f"{table['rows_back']:,} of {table['rows']:,} rows come back as they were read.",
        f"CPU seconds: {times}; {table['bytes'] / 2**30:.1f} GiB at most.",
        "",
        f"The fit {table['ending']}; {table['latents']}.",
        text_table([head, *cells]),
        "",
        table["validation"],
        "",
        table["judged"],
        f"The process: {table['truth']:.3f} clicks a session under the new policy (snips: {low:.3f}"
        f" to {high:.3f}).",
    ]
    if result["padding"]:
        head = ("log", "sessions", "steps", "longest", "one shape", "shapes", "padded / steps")
        cells = [
            (
                name,
                f"{row['sessions']:,}",
                f"{row['steps']:,}",
                f"{row['longest']:,}",
                f"{row['one_shape']:.1f}",
                f"{row['shapes']}",
                f"{row['now']:.2f}",
            )
            for name, row in result["padding"].items()
        ]
        lines += ["", text_table([head, *cells])]
        now, before = result["feed"]["by length"], result["feed"]["padded"]
        figures = result["figures"]
        lines.append(
            f"A fit of the feed: {now['seconds']:.0f} CPU seconds and"
            f" {now['bytes'] / 2**30:.1f} GiB by length, {before['seconds']:.0f} and"
            f" {before['bytes'] / 2**30:.1f} with all sessions padded to the longest: ratios"
            f" {figures['feed.seconds_ratio']:.2f} and {figures['feed.peak_ratio']:.2f}."
        )
    return "\n".join(lines)
