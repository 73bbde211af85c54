"""Parameters of replies from words alone: what users say is logged, and no reply is labelled.

The grammar is that of `conversation_grammar`, in which "not sure" and what slips make of a phrase
are ambiguous. Tastes are known, as in `recovery`.
"""

import itertools
import time

import numpy as np
import tensorflow as tf
from conversations import recovery
from conversations.common import Bar, Section, Settings

from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.conversation import conversation_grammar
from recsim_tf.fitting import LBFGS, FitResult, Parameter, fit
from recsim_tf.fitting.logs import SessionLog, simulated_log
from recsim_tf.language import Grammar
from recsim_tf.tables import text_table

_NAMES = ("funny", "dark", "slow", "long", "old")
_SLIP = 0.05
_SESSIONS = {False: 5000, True: 30}
_UTTERANCES = {False: 100_000, True: 100}
_START = 0.5


def measure(settings: Settings) -> Section:
    simulator = recovery.talkers(
        channel=conversation_grammar(3, _NAMES, slip=_SLIP), attribute_names=_NAMES
    )
    truth = recovery.truth(simulator)
    num_sessions = _SESSIONS[settings.quick]
    log = simulated_log(
        simulator,
        num_sessions,
        recovery.NUM_TURNS,
        seed=[settings.seed, 3],
        jit_compile=not settings.quick,
    )
    unknown = np.full_like(log.response.symbol, -1)
    unlabelled = log._replace(response=log.response._replace(symbol=unknown))
    begun = time.process_time()
    labelled_fit, words_fit = (
        _fit(simulator, truth, each, settings.quick) for each in (log, unlabelled)
    )
    seconds = (time.process_time() - begun) / 2
    rows = [("parameter", "truth", "from symbols", "±", "from words", "±", "ratio", "z")]
    ratios, scores = [], []
    for name, value in truth.items():
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
    error = _error_of_sums()
    figures = {
        "words.max_se_ratio": max(ratios),
        "words.max_z": max(map(abs, scores)),
        "words.microseconds": microseconds,
        "words.sum_error": error,
        "words.cpu_seconds_of_a_fit": seconds,
    }
    bars = [
        Bar("words.max_se_ratio", figures["words.max_se_ratio"], 0, 1.2),
        Bar("words.max_z", figures["words.max_z"], 0, 3),
        Bar("words.microseconds", microseconds, 0, 2),
        Bar("words.sum_error", error, 0, 1e-6),
    ]
    lines = [
        f"Parameters from {num_sessions} conversations of {recovery.NUM_TURNS} turns, by symbols"
        " and by words alone",
        *text_table(rows).splitlines(),
        f"evidence: {microseconds:.2f} us an utterance for"
        f" {simulator.users.channel.num_symbols} symbols, under XLA on one core",
        *(bar.line(settings.quick) for bar in bars),
    ]
    return Section(figures, {"ratios": dict(zip(truth, ratios, strict=True))}, lines)


def _fit(simulator: Simulator, truth, log: SessionLog, quick: bool) -> FitResult:
    return fit(
        simulator,
        {name: Parameter(start=_START) for name in truth},
        log,
        LBFGS(batch_size=min(log.num_sessions, 1000)),
        jit_compile=not quick,
        progress=False,
    )


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


def _error_of_sums() -> float:
    """How far the probabilities of all texts of a small grammar are from a sum of one, at most."""
    grammar = Grammar.of_phrases({0: ["no", "not really"], 1: ["yes", "really"]}, slip=0.1)
    texts = list(itertools.product(range(grammar.num_words), repeat=grammar.max_length))
    evidence = grammar.evidence(tf.constant(texts, tf.int32))
    return float(np.abs(np.exp(evidence.numpy().astype(np.float64)).sum(axis=0) - 1).max())
