"""Validate: what `fitting.validate` says of simulators that are right, and of five that are wrong.

Watchers click any of the two items of a slate. A hidden appetite makes users differ, a memory of
clicks makes them click again, items are liked more or less, and users leave by a hazard. A log of
the truth is put to the simulator that made it, over some seeds, and to five faulty ones:

1. users do not differ: a machine should tell its sessions from real ones;
2. there is no memory: neighbouring steps should not look alike, and order should add nothing;
3. clicks come 10 % too often: rates should not look alike;
4. the effects of items are permuted: it should predict no better than their popularity;
5. the hazard of leaving is halved: lengths should not look alike.

The Open Bandit Dataset's log of a random policy has 40 clicks: there the answer should be that
nobody can tell. It is left out where the data set is not there.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from fits import page_fits
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.distributions import uniform_ids
from recsim_tf.fitting import validate
from recsim_tf.fitting.validation import Validation
from recsim_tf.fitting.validation.resimulation import Resimulation
from recsim_tf.fitting.validation.statistics import predictive_check
from recsim_tf.fitting.validation.verdicts import TRUST, UNKNOWN
from recsim_tf.logs import Log, read_open_bandit, simulated_log
from recsim_tf.support.tables import text_table

_NUM_ITEMS, _SLATE_SIZE, _NUM_STEPS = 40, 2, 20
_DECAY = 0.6
_LATENT = ("initial",)
# Sessions of a log; seeds.
_SIZES = {False: (2000, 20), True: (120, 2)}
_EVENTS = 50_000
# Of the effects in Open Bandit. There some 20 held-out clicks cannot answer whether the model
# predicts, whether a machine tells it from real, and whether it foretells the other policy.
_SCALE, _UNKNOWABLE = 0.3, (0, 3, 4)


class Watchers(recsim_tf.UserModel):
    """Users of an appetite, and of a memory of what they clicked, [B, 2]."""

    level: Any = recsim_tf.parameter(-1.2)
    spread: Any = recsim_tf.parameter(0.9, low=0)
    gain: Any = recsim_tf.parameter(0.8)
    item: Any = recsim_tf.parameter((0.0,) * _NUM_ITEMS, rank=1)
    leaving: Any = recsim_tf.parameter(0.08, low=0, high=1)

    def initial_draws(self, num_users):
        return tfd.Normal(tf.zeros([num_users], self.dtype), tf.ones([], self.dtype))

    def initial_state(self, draws):
        return tf.stack([self.per_user("spread") * draws, tf.zeros_like(draws)], axis=1)

    def response(self, state, slate):
        item = self.entries("item", slate.documents, [_NUM_ITEMS])
        appetite, memory = state[:, :1], state[:, 1:]
        logits = self.per_user("level", 2) + appetite + self.per_user("gain", 2) * memory + item
        return tfd.Independent(tfd.Bernoulli(tf.where(slate.mask, logits, -30.0)), 1)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.cast(draw, self.dtype))

    def update(self, state, slate, response, innovation):
        clicks = tf.reduce_sum(response.clicked, axis=1)
        return tf.stack([state[:, 0], _DECAY * state[:, 1] + clicks], axis=1)

    def departure(self, state):
        probs = tf.broadcast_to(self.per_user("leaving"), tf.shape(state)[:1])
        return tfd.Bernoulli(probs=probs)

    def observe(self, state):
        return state[:, :0]


class Items(recsim_tf.DocumentModel):
    """Items of a catalogue."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return uniform_ids(_NUM_ITEMS, num_users, num_candidates, self.dtype)

    def observe(self, documents):
        return documents


def _truth(seed: int) -> recsim_tf.Simulator:
    item = np.random.default_rng(seed).normal(0, 0.7, _NUM_ITEMS)
    return recsim_tf.Simulator(Watchers(item=tuple(item)), Items(), _SLATE_SIZE, 6)


def _faulty(truth: recsim_tf.Simulator) -> dict[str, recsim_tf.Simulator]:
    values = truth.parameters()
    changes: dict[str, dict[str, Any]] = {
        "users alike": {"users.spread": 0.0, "users.level": -0.95},
        "no memory": {"users.gain": 0.0, "users.level": -0.75},
        "rate 10 % too high": {"users.level": -1.2 + 0.2},
        "items permuted": {"users.item": np.roll(values["users.item"], 7)},
        "leaving halved": {"users.leaving": 0.04},
    }
    return {name: truth.with_parameters(each) for name, each in changes.items()}


def _is_found(name: str, found: Validation) -> bool:
    """Whether the section that should find a fault does."""
    predicts, order, alike, told, _ = (each.verdict for each in found.findings)

    def differs(word: str) -> bool:
        statistics = found.alike.statistics
        return any(abs(each.z_score) > 3 for title, each in statistics.items() if word in title)

    return {
        "users alike": told != TRUST,
        "no memory": order != TRUST and differs("neighbouring"),
        "rate 10 % too high": differs("click_rate/"),
        "items permuted": predicts != TRUST,
        "leaving halved": alike != TRUST and differs("session_length"),
    }[name]


def validating(seed: int, data_dir: str, quick: bool) -> dict[str, Any]:
    """The study."""
    num_sessions, num_seeds = _SIZES[quick]
    z_scores = []
    for number in range(num_seeds):
        truth = _truth(seed + number)
        log = simulated_log(truth, num_sessions, _NUM_STEPS, [seed, number], latent=_LATENT)
        check = predictive_check(Resimulation(truth, log), 20, seed=number)
        z_scores.append([each.z_score for each in check.statistics.values()])
    truth = _truth(seed)
    static = {"users.gain": 0.0}
    logs = [
        simulated_log(truth, num_sessions, _NUM_STEPS, [seed, 100 + part], latent=_LATENT)
        for part in range(2)
    ]

    def validated(simulator: recsim_tf.Simulator, number: int = 0) -> Validation:
        # A fit is not needed to leave the memory out, so that the static self is near the best.
        def refit(log: Log, fixed: dict[str, Any]) -> recsim_tf.Simulator:
            changed = {"users.gain": 0.0, "users.level": -0.75} if fixed else {}
            return simulator.with_parameters(changed)

        return validate(simulator, *logs, refit=refit, static=static, seed=number)

    started = time.perf_counter()
    right = validated(truth)
    seconds = time.perf_counter() - started
    faults = {name: validated(simulator) for name, simulator in _faulty(truth).items()}
    found = {name: _is_found(name, each) for name, each in faults.items()}
    figures = {
        "auc_null": right.discrimination.auc,
        "share_of_z_within_2": float(np.mean(np.abs(z_scores) < 2)),
        "faults_found": sum(found.values()),
        "seconds": seconds * _EVENTS / right.num_events,
    }
    sentences = {"the truth": [each._asdict() for each in right.findings]}
    sentences |= {name: [each._asdict() for each in one.findings] for name, one in faults.items()}
    campaigns = _open_bandit(Path(data_dir) / "obd", seed)
    if campaigns:
        figures["open_bandit_cannot_tell"] = sum(
            each.findings[question].verdict == UNKNOWN
            for each in campaigns.values()
            for question in _UNKNOWABLE
        ) / (len(campaigns) * len(_UNKNOWABLE))
    sentences |= {
        f"Open Bandit, {name}": [each._asdict() for each in one.findings]
        for name, one in campaigns.items()
    }
    return {
        "study": "validate",
        "sessions": num_sessions,
        "seeds": num_seeds,
        "figures": {f"validate.{name}": value for name, value in figures.items()},
        "found": found,
        "findings": sentences,
    }


def _open_bandit(folder: Path, seed: int) -> dict[str, Validation]:
    """By campaign: page clicks fitted to half of the random policy's log, and put to the other half
    and to the log of Bernoulli Thompson sampling. Nothing without the data.
    """
    found = {}
    for campaign in ("all", "men", "women") if folder.is_dir() else ():
        random = read_open_bandit(str(folder), campaign, "random")
        simulator, log = page_fits.pages(random)
        train, held_out = log.split(0.5, seed)
        scales = dict.fromkeys(page_fits.TABLES, _SCALE)
        fitted = page_fits.fit_pages(simulator, train, scales, affinity=False).simulator
        other = page_fits.pages(read_open_bandit(str(folder), campaign, "bts", like=random)).log
        found[campaign] = validate(fitted, train, held_out, other=other, seed=seed)
    return found


def validating_table(result: dict[str, Any]) -> str:
    """The result for a person."""
    rows = [("simulator", "predicts", "order", "alike", "told apart", "foretells", "found")]
    for name, findings in result["findings"].items():
        verdicts = [each["verdict"] for each in findings]
        found = result["found"].get(name)
        rows.append((name, *verdicts, "" if found is None else "yes" if found else "no"))
    figures = result["figures"]
    return "\n".join(
        [
            text_table(rows, left=range(7)),
            f"{figures['validate.share_of_z_within_2']:.1%} of z-scores of {result['seeds']} true"
            f" logs within 2; area under the curve {figures['validate.auc_null']:.3f};"
            f" {figures['validate.seconds']:.0f} s for {_EVENTS:,} events.",
        ]
    )
