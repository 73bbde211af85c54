# SPDX-License-Identifier: Apache-2.0
"""Fields: whether intervals hold the truth where a column of users is known and a taste is hidden.

Shoppers have a device, which the log knows of four in five, and a taste, which it never knows. The
mean taste depends on the device. They choose from slates of three documents by taste, price and
position. Six parameters are fitted to each of some logs: the mean taste of each device and the
spread, the effects of price and position, and the mass of no click. `Draws` integrate the tastes,
and the devices that are not known are summed out exactly. Standard errors come from `Curvature`.
"""

import time
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sections import Section, Settings, section
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import MultinomialLogit
from recsim_tf.fitting import LBFGS, Curvature, Draws, Parameter, fit
from recsim_tf.fitting.report.recovery import recover
from recsim_tf.logs import simulated_log

_SHARES = (0.4, 0.6)
_UNKNOWN = 0.2
TRUTH = {
    "users.loc": ([0.3, 1.2], "real"),
    "users.spread": (0.8, "positive"),
    "users.price_effect": (-0.7, "real"),
    "users.position_effect": (-0.3, "real"),
    "users.choice_model.no_click_mass": (0.5, "real"),
}
# Sessions, steps and draws.
_SIZES = {False: (500, 8, 200), True: (20, 3, 10)}


class Drawn(NamedTuple):
    """The draws of a shopper, [B] each."""

    device: Any
    taste: Any


class Shoppers(recsim_tf.UserModel):
    """Users of a device and a taste."""

    loc: Any = recsim_tf.parameter((0.0, 0.0), rank=1)
    spread: Any = recsim_tf.parameter(1.0, above=0)
    price_effect: Any = recsim_tf.parameter(0.0)
    position_effect: Any = recsim_tf.parameter(0.0)
    choice_model: Any = MultinomialLogit(0.0)

    def initial_draws(self, num_users):
        logits = tf.math.log(tf.constant(_SHARES, self.dtype))
        device = tfd.BatchBroadcast(tfd.Categorical(logits), [num_users])

        def taste(device):
            by_device = self.per_user("loc", 2)
            one_hot = tf.one_hot(device, len(_SHARES), dtype=self.dtype)
            loc = tf.reduce_sum(one_hot * by_device, axis=1)
            return tfd.Normal(loc, self.per_user("spread"))

        return tfd.JointDistributionNamed(Drawn(device, taste))

    def response(self, state, slate):
        feature, price = tf.unstack(slate.documents, axis=2)
        position = tf.range(price.shape[1], dtype=self.dtype)
        scores = state.taste[:, tf.newaxis] * feature + self.per_user("price_effect", 2) * price
        return self.choice_model(
            scores + self.per_user("position_effect", 2) * position, slate.mask
        )

    def observe(self, state):
        return state.device


class Goods(recsim_tf.DocumentModel):
    """Documents of a feature and a price, [B, N, 2], standard normal both."""

    def candidates(self, num_users, num_candidates, corpus, user):
        zeros = tf.zeros([num_users, num_candidates, 2], self.dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 2)

    def observe(self, documents):
        return documents


def fields(settings: Settings) -> Section:
    """Estimates from as many logs as there are replications."""
    num_sessions, num_steps, num_draws = _SIZES[settings.quick]
    replications = settings.replications
    truth = {name: value for name, (value, _) in TRUTH.items()}
    simulator = recsim_tf.Simulator(Shoppers(), Goods(), 3, 6).with_parameters(truth)
    parameters = {
        name: Parameter(np.multiply(0.5, value), support)
        for name, (value, support) in TRUTH.items()
    }
    rows, started = [], time.process_time()
    for replication in range(replications):
        seeds = [settings.seed, replication]
        complete = simulated_log(simulator, num_sessions, num_steps, seeds)
        generator = np.random.default_rng(seeds)
        unknown = generator.random(num_sessions) < _UNKNOWN
        device = np.where(unknown, -1, complete.initial.device)
        result = fit(
            simulator,
            parameters,
            complete._replace(initial={"device": device}),
            method=Draws(
                num_draws,
                jit_compile=True,
                search=LBFGS(progress=False, batch_size=250),
                uncertainty=Curvature(),
            ),
            seed=replication,
        )
        rows += [
            {"replication": replication, "ending": result.ending, **row._asdict()}
            for row in recover(truth, result.estimates)
        ]
    covered = [bool(row["covered"]) for row in rows]
    z_scores = np.array([row["z_score"] for row in rows])
    table = [("parameter", "truth", "mean estimate", "rms z", "covered")]
    places = dict.fromkeys((row["parameter"], tuple(row["element"])) for row in rows)
    for name, element in places:
        same = [row for row in rows if (row["parameter"], tuple(row["element"])) == (name, element)]
        cells = (
            f"{same[0]['truth']:g}",
            f"{np.mean([row['estimate'] for row in same]):.3f}",
            f"{np.sqrt(np.mean([row['z_score'] ** 2 for row in same])):.2f}",
            f"{sum(bool(row['covered']) for row in same)} of {len(same)}",
        )
        table.append((name + "".join(f"[{number}]" for number in element), *cells))
    figures = {
        "fields.coverage": float(np.mean(covered)),
        "fields.mean_z": float(np.mean(z_scores)),
        "fields.rms_z": float(np.sqrt(np.mean(z_scores**2))),
        "fields.cpu_seconds_a_fit": (time.process_time() - started) / replications,
    }
    title = f"{replications} logs of {num_sessions} sessions. {result.latents}."
    notes = [
        f"95 % intervals hold the truth in {figures['fields.coverage']:.1%} of {len(rows)};"
        f" {figures['fields.cpu_seconds_a_fit']:.0f} CPU seconds a fit."
    ]
    return section(settings, title, table, figures, notes=notes, details={"rows": rows})
