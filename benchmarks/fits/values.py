"""Values: what a fitted model that is wrong says of policies inside and outside of its log.

Users click any number of the three items of a slate. The truth is a NumPy process: a user examines
a position, likes the item there or not, and is in a better or a worse mood all session. The model
knows no mood, and adds an effect of the item and one of the position in the logit, where the truth
multiplies. The logging policy shows 20 of 30 items. A policy inside shows them too, the better ones
more often; one outside shows the ten others first. For each of some logs the model is fitted and
saved, and `Evaluation(fitted=FittedModel(...))` gives the return of both policies with its interval
and the sentence on the support. The truth is computed from the process.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.distributions import Given
from recsim_tf.evaluation import Evaluation
from recsim_tf.fitting import LBFGS, Exact, FittedModel, Parameter, fit, load_model, save_model
from recsim_tf.logs import Log
from recsim_tf.policies import PlackettLucePolicy
from recsim_tf.support.tables import text_table

_NUM_ITEMS, _NUM_LOGGED, _SLATE_SIZE, _NUM_STEPS = 30, 20, 3, 5
_EXAMINATION = np.array([0.9, 0.6, 0.4])
_MOOD = 0.5
_NEVER = -30.0  # the logit of an item that is not shown
# Sessions, and users of an evaluation.
_SIZES = {False: (1000, 5000), True: (50, 100)}
_DRAWS = 200_000  # of slates and moods, for the truth


class Readers(recsim_tf.UserModel):
    """Users who click items independently, by item and position."""

    item: Any = recsim_tf.parameter((0.0,) * _NUM_ITEMS, rank=1)
    lower: Any = recsim_tf.parameter((0.0,) * (_SLATE_SIZE - 1), rank=1)

    def initial_draws(self, num_users):
        return Given(tf.zeros([num_users], self.dtype))

    def response(self, state, slate):
        item = self.entries("item", slate.documents, [_NUM_ITEMS])
        lower = tf.convert_to_tensor(self.per_user("lower", 2), self.dtype)
        zero = tf.zeros_like(lower[..., :1])
        logits = tf.where(slate.mask, item + tf.concat([zero, lower], -1), _NEVER)
        return tfd.Independent(tfd.Bernoulli(logits), 1)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.cast(draw, self.dtype))

    def observe(self, state):
        return state[:, tf.newaxis]


class Catalogue(recsim_tf.DocumentModel):
    """All items are candidates."""

    def candidates(self, num_users, num_candidates, corpus, user):
        everything = tf.tile(tf.range(num_candidates)[tf.newaxis], [num_users, 1])
        return tfd.Independent(Given(everything, self.dtype), 1)

    def observe(self, documents):
        return documents


class _Truth(NamedTuple):
    quality: np.ndarray  # [N], in the logit of the attraction

    def click_probs(self, slates: np.ndarray, mood: np.ndarray) -> np.ndarray:
        """[..., K], of slates [..., K] and moods [...]."""
        attraction = 1 / (1 + np.exp(-self.quality[slates] - mood[..., np.newaxis]))
        return _EXAMINATION * attraction


def _slates(logits: np.ndarray, shape: tuple[int, ...], generator: np.random.Generator):
    """Draws of a Plackett-Luce distribution, [..., K], by Gumbel noise."""
    noisy = logits + generator.gumbel(size=(*shape, _NUM_ITEMS))
    return np.argsort(-noisy, axis=-1)[..., :_SLATE_SIZE].astype(np.int32)


def _log(truth: _Truth, logits: np.ndarray, size: int, generator: Any) -> Log:
    slates = _slates(logits, (size, _NUM_STEPS), generator)
    mood = np.repeat(_MOOD * generator.standard_normal([size, 1]), _NUM_STEPS, axis=1)
    clicked = generator.random(slates.shape) < truth.click_probs(slates, mood)
    return Log(
        length=np.full(size, _NUM_STEPS, np.int32),
        departed=np.ones(size, bool),
        initial=np.zeros(size, np.float32),
        documents=slates,
        shown=np.ones(slates.shape, bool),
        hidden=(),
        response=clicked.astype(np.int32),
        innovation=(),
    )


def _value(truth: _Truth, logits: np.ndarray, generator: Any) -> float:
    """The return of a session under a policy."""
    slates = _slates(logits, (_DRAWS,), generator)
    mood = _MOOD * generator.standard_normal(_DRAWS)
    return float(_NUM_STEPS * truth.click_probs(slates, mood).sum(axis=-1).mean())


def _policy(logits: np.ndarray) -> PlackettLucePolicy:
    table = tf.constant(logits, tf.float32)
    return PlackettLucePolicy.of_logits(
        lambda observation: tf.gather(table, observation.documents), _SLATE_SIZE
    )


def values(seed: int, replications: int, quick: bool) -> dict[str, Any]:
    """Returns by the models of `replications` logs."""
    num_sessions, num_users = _SIZES[quick]
    is_logged = np.arange(_NUM_ITEMS) < _NUM_LOGGED
    simulator = recsim_tf.Simulator(
        Readers(), Catalogue(), _SLATE_SIZE, _NUM_ITEMS, max_steps=_NUM_STEPS
    )
    rows, sentences, started = [], {}, time.process_time()
    for replication in range(replications):
        generator = np.random.default_rng([seed, replication])
        truth = _Truth(generator.normal(-0.5, 0.8, _NUM_ITEMS))
        logits = {
            "logging": np.where(is_logged, 0.0, _NEVER),
            "inside": np.where(is_logged, truth.quality, _NEVER),
            "outside": np.where(is_logged, _NEVER, 0.0),
        }
        log = _log(truth, logits["logging"], num_sessions, generator)
        parameters = {"users.item": Parameter(np.zeros(_NUM_ITEMS)), "users.lower": Parameter()}
        result = fit(simulator, parameters, log, method=Exact(search=LBFGS(progress=False)))
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model"
            save_model(model, result._replace(simulator=result.simulator))
            fitted = FittedModel(str(model), log, imports=(__name__,))
            loaded = load_model(model, (__name__,)).simulator
        evaluation = Evaluation(num_users, _NUM_STEPS, seed=replication, fitted=fitted)
        policies = {name: _policy(each) for name, each in logits.items()}
        for result_of_policy in evaluation.results(loaded, lambda _, made=policies: made):
            low, high = result_of_policy.interval
            expected = _value(truth, logits[result_of_policy.name], generator)
            rows.append(
                {
                    "replication": replication,
                    "policy": result_of_policy.name,
                    "value": result_of_policy["return"].value,
                    "low": low,
                    "high": high,
                    "truth": expected,
                    "held": bool(low <= expected <= high),
                    "warned": "never shown" in result_of_policy.support,
                }
            )
            sentences[result_of_policy.name] = result_of_policy.support
    figures = {}
    for name in logits:
        mine = [row for row in rows if row["policy"] == name]
        errors = [abs(row["value"] / row["truth"] - 1) for row in mine]
        figures[f"{name}.held"] = sum(row["held"] for row in mine)
        figures[f"{name}.warned"] = sum(row["warned"] for row in mine)
        figures[f"{name}.error"] = float(np.mean(errors))
    figures["cpu_seconds_a_log"] = (time.process_time() - started) / replications
    return {
        "study": "values",
        "sessions": num_sessions,
        "replications": replications,
        "figures": figures,
        "sentences": sentences,
        "rows": rows,
    }


def values_table(result: dict[str, Any]) -> str:
    """The result for a person."""
    figures, number = result["figures"], result["replications"]
    table = [("policy", "mean error", "interval holds the truth", "sentence that warns")]
    table += [
        (
            name,
            f"{figures[f'{name}.error']:.1%}",
            f"{figures[f'{name}.held']} of {number}",
            f"{figures[f'{name}.warned']} of {number}",
        )
        for name in result["sentences"]
    ]
    return "\n".join(
        [
            f"{number} logs of {result['sessions']} sessions, a model of the wrong form.",
            text_table(table),
            *(f"{name}: {sentence}" for name, sentence in result["sentences"].items()),
            f"{figures['cpu_seconds_a_log']:.0f} CPU seconds a log.",
        ]
    )
