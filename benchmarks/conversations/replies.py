"""Parameters of replies from logs of conversations: 8 random turns of each of 5,000 users.

recovery: tastes are known to the first fits. In the last one they are latent, and summed out by
  draws.
words: from words alone. What users say is logged, and no reply is labelled. The grammar is that of
  `conversation_grammar`, in which "not sure" and what slips make of a phrase are ambiguous. Tastes
  are known.
"""

import math
import time

import numpy as np
import tensorflow as tf
from sections import Section, Settings, section

from recsim_tf.conversations import (
    ConversationUsers,
    Items,
    chosen_utility,
    conversation,
    conversation_grammar,
)
from recsim_tf.conversations.parts import Patience
from recsim_tf.conversations.types import UNKNOWN, Reply
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting import LBFGS, Draws, Exact, Parameter, fit
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.report.recovery import recover
from recsim_tf.language import Grammar
from recsim_tf.logs import Log, simulated_log

_PARAMETERS = (
    "choice_sharpness",
    "choice_model.no_click_mass",
    "answers.sharpness",
    "answers.dont_know",
    "critiques.logit",
    "ignoring",
    "trust.endorsement",
    "dwell.gain",
)
_START = 0.5  # of all parameters
NUM_TURNS = 8
_TEMPERATURE = "users.choice_sharpness"
_RECOVERY_SIZES = {
    False: {"sessions": 5000, "logs": 20, "latent": 3000, "draws": 500},
    True: {"sessions": 50, "logs": 1, "latent": 20, "draws": 40},
}
_NAMES = ("funny", "dark", "slow", "long", "old")
_SLIP = 0.05
_WORDS_SESSIONS = {False: 5000, True: 30}
_UTTERANCES = {False: 100_000, True: 100}


def recovery(settings: Settings) -> Section:
    size = _RECOVERY_SIZES[settings.quick]
    simulator = talkers()
    true = truth(simulator)
    begun = time.process_time()
    fits = [
        _fit(simulator, true, log, settings)
        for log in (
            _log(simulator, size["sessions"], [settings.seed + number, 1], settings)
            for number in range(size["logs"])
        )
    ]
    seconds = (time.process_time() - begun) / len(fits)
    rows = recover(true, [found.estimates for found in fits])
    first = [row for row in rows if row.replication == 0]
    max_z = max(abs(row.z_score) for row in first)
    covered = [row.covered for row in rows]
    coverage = float(np.mean(covered))
    latent = _fit_latent(simulator, size, settings)
    temperature = latent.estimates[_TEMPERATURE]
    error = abs(temperature.value / true[_TEMPERATURE] - 1)
    figures = {
        "recovery.max_z": float(max_z),
        "recovery.coverage": coverage,
        "recovery.temperature_error": float(error),
        "recovery.cpu_seconds_of_a_fit": seconds,
    }
    table = [("parameter", "truth", "estimate", "±", "z", f"covered of {len(fits)}")]
    for row in first:
        mine = [other for other in rows if other.parameter == row.parameter]
        table.append(
            (
                row.parameter,
                f"{row.truth:g}",
                f"{row.estimate:.3f}",
                f"{row.standard_error:.3f}",
                f"{row.z_score:+.1f}",
                str(sum(bool(other.covered) for other in mine)),
            )
        )
    bars = {
        "recovery.max_z": (0, 3),
        "recovery.coverage": (0.90, 0.98),
        "recovery.temperature_error": (0, 0.05),
    }
    title = f"Parameters of replies from {size['sessions']} conversations of {NUM_TURNS} turns"
    notes = [
        f"tastes latent, {size['latent']} conversations, {size['draws']} draws each:"
        f" {_TEMPERATURE} {float(temperature.value):.3f}, truth {true[_TEMPERATURE]:g}"
    ]
    details = {
        "intervals": len(covered),
        "coverage_se": math.sqrt(coverage * (1 - coverage) / len(covered)),
        "estimates": {name: float(one.value) for name, one in fits[0].estimates.items()},
    }
    return section(settings, title, table, figures, bars, notes, details)


def truth(simulator: Simulator) -> dict[str, float]:
    """The parameters that are fitted, and their values."""
    return {f"users.{name}": simulator.users.parameters()[name] for name in _PARAMETERS}


def talkers(**changes) -> Simulator:
    """Users who do not leave within the turns, so that all conversations are of one length."""
    users = ConversationUsers(patience=Patience(1e3), leaves_satisfied=False, **changes)
    return conversation(
        users,
        Items(directions=users.directions),
        num_candidates=20,
        max_steps=NUM_TURNS,
        reward_fn=chosen_utility,
    )


def _log(simulator: Simulator, num_sessions: int, seed, settings: Settings, **latent) -> Log:
    return simulated_log(
        simulator, num_sessions, NUM_TURNS, seed=seed, jit_compile=not settings.quick, **latent
    )


def _fit(simulator: Simulator, true, log: Log, settings: Settings) -> FitResult:
    return fit(
        simulator,
        {name: Parameter(start=_START) for name in true},
        log,
        method=Exact(
            jit_compile=not settings.quick,
            search=LBFGS(batch_size=min(log.num_sessions, 1000), progress=False),
        ),
    )


def _fit_latent(simulator: Simulator, size, settings: Settings) -> FitResult:
    # How long a user stays with an item tells its utility almost exactly, and draws of tastes then
    # miss it.
    simulator = simulator.with_parameters({"users.dwell.gain": 0.0})
    log = _log(simulator, size["latent"], [settings.seed, 2], settings, latent=("initial",))
    return fit(
        simulator,
        {_TEMPERATURE: Parameter(start=2.0)},
        log,
        method=Draws(
            size["draws"],
            jit_compile=not settings.quick,
            search=LBFGS(max_iterations=10, batch_size=min(size["latent"], 100), progress=False),
            uncertainty=None,
        ),
    )


def words(settings: Settings) -> Section:
    simulator = talkers(channel=conversation_grammar(3, _NAMES, slip=_SLIP), attribute_names=_NAMES)
    true = truth(simulator)
    num_sessions = _WORDS_SESSIONS[settings.quick]
    log = _log(simulator, num_sessions, [settings.seed, 3], settings)
    unknown = np.full_like(log.response.reply.symbol, UNKNOWN)
    response = log.response._replace(reply=Reply(unknown, unknown))
    unlabelled = log._replace(response=response)
    begun = time.process_time()
    labelled_fit, words_fit = (_fit(simulator, true, each, settings) for each in (log, unlabelled))
    seconds = (time.process_time() - begun) / 2
    rows = [("parameter", "truth", "from symbols", "±", "from words", "±", "ratio", "z")]
    ratios, scores = [], []
    for name, value in true.items():
        one, other = labelled_fit.estimates[name], words_fit.estimates[name]
        ratios.append(float(other.standard_error / one.standard_error))
        scores.append(float((other.value - value) / other.standard_error))
        numbers = (one.value, one.standard_error, other.value, other.standard_error)
        rows.append(
            (
                name,
                f"{value:g}",
                *(f"{float(number):.3f}" for number in numbers),
                f"{ratios[-1]:.2f}",
                f"{scores[-1]:+.1f}",
            )
        )
    microseconds = _microseconds(simulator.users.channel, _UTTERANCES[settings.quick])
    figures = {
        "words.max_se_ratio": max(ratios),
        "words.max_z": max(map(abs, scores)),
        "words.microseconds": microseconds,
        "words.cpu_seconds_of_a_fit": seconds,
    }
    bars = {
        "words.max_se_ratio": (0, 1.2),
        "words.max_z": (0, 3),
        "words.microseconds": (0, 2),
    }
    title = (
        f"Parameters from {num_sessions} conversations of {NUM_TURNS} turns, by symbols and by"
        " words alone"
    )
    notes = [
        f"evidence: {microseconds:.2f} us an utterance for"
        f" {simulator.users.channel.num_symbols} symbols, under XLA on one core"
    ]
    details = {"ratios": dict(zip(true, ratios, strict=True))}
    return section(settings, title, rows, figures, bars, notes, details)


def _microseconds(channel: Grammar, num_utterances: int) -> float:
    """Of one core, for the evidence of an utterance."""
    symbol = tf.range(num_utterances) % channel.num_symbols
    words = channel.speak(symbol, 0)
    evidence = compiled(
        lambda words: tf.reduce_sum(tf.nn.softmax(channel.evidence(words))), jit_compile=True
    )
    evidence(words)
    begun = time.process_time()
    for _ in range(10):
        evidence(words).numpy()
    return 1e6 * (time.process_time() - begun) / (10 * num_utterances)
