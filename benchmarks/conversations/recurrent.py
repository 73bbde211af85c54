"""A recurrent channel on the words of IARD: how well it predicts what seekers say, given what they
mean, and how well it tells what they mean.
"""

import numpy as np
import tensorflow as tf
from conversations.common import Bar, Section, Settings
from conversations.dialogues import dialogues

from recsim_tf.fitting.logs import INTENTS, AnnotatedDialogues
from recsim_tf.language import Grammar, Recurrent, Vocabulary
from recsim_tf.tables import text_table

_SIZES = {
    False: {"length": 30, "units": 48, "passes": 60, "splits": 1},
    True: {"length": 4, "units": 2, "passes": 1, "splits": 1},
}
_MIN_USES = 3
_SMOOTHING = 0.5


def measure(settings: Settings) -> Section:
    size = _SIZES[settings.quick]
    train, test = dialogues(settings).split(0.2, settings.seed)
    vocabulary = Vocabulary.of_texts(list(train.texts), size["length"], _MIN_USES)
    rows, labels = train.labels()
    channel = Recurrent.of_texts(
        labels,
        train.texts[rows],
        np.eye(len(INTENTS), dtype=np.float32),
        vocabulary,
        num_units=size["units"],
        max_passes=size["passes"],
        seed=settings.seed,
    )
    words = vocabulary.ids(list(train.texts[rows])).numpy()
    test_rows, test_labels = test.labels()
    heard = vocabulary.ids(list(test.texts)).numpy()
    evidence = np.concatenate(
        [channel.evidence(part).numpy() for part in np.array_split(heard, max(len(heard) // 50, 1))]
    )
    shares = 1 / train.intents.sum(axis=1)[rows]
    naive = Grammar.of_texts(
        labels, train.texts[rows], len(INTENTS), vocabulary, _SMOOTHING, shares
    )
    prior = _log_prior(train, test)
    tokens = _counts(heard[test_rows]).sum()
    perplexities = {
        "GRU given the intent": np.exp(-evidence[test_rows, test_labels].sum() / tokens),
        "bigrams": np.exp(-_ngrams(words, heard[test_rows], vocabulary.size, 2) / tokens),
        "single words": np.exp(-_ngrams(words, heard[test_rows], vocabulary.size, 1) / tokens),
    }
    top = {
        "GRU and act": _top(evidence + prior, test),
        "bag of words and act": _top(naive.evidence(tf.constant(heard)).numpy() + prior, test),
        "act": _top(prior, test),
    }
    figures = {
        "recurrent.perplexity": float(perplexities["GRU given the intent"]),
        "recurrent.unigram": float(perplexities["single words"]),
        "recurrent.bigram": float(perplexities["bigrams"]),
        "recurrent.top1": top["GRU and act"],
        "recurrent.naive_top1": top["bag of words and act"],
    }
    said = channel.text(channel.speak(tf.range(len(INTENTS)), settings.seed).numpy())
    lines = [
        f"IARD, {len(test.texts)} held-out replies, {vocabulary.size} words",
        *text_table(
            [("model", "perplexity a word"), *((k, f"{v:.1f}") for k, v in perplexities.items())]
        ).splitlines(),
        *text_table(
            [("intent by", "top 1"), *((k, f"{v:.3f}") for k, v in top.items())]
        ).splitlines(),
        "what it says:",
        *(f"  {intent}: {text}" for intent, text in zip(INTENTS, said, strict=True)),
        Bar(
            "recurrent.perplexity", figures["recurrent.perplexity"], 0, figures["recurrent.bigram"]
        ).line(settings.quick),
    ]
    return Section(figures, {}, lines)


def _log_prior(train: AnnotatedDialogues, test: AnnotatedDialogues) -> np.ndarray:
    """[U, I]: log-probabilities of the intents after each act, by counts."""
    counts = np.full([int(train.act.max()) + 1, len(INTENTS)], 0.5)
    np.add.at(counts, train.act, train.intents)
    return np.log(counts / counts.sum(axis=1, keepdims=True))[test.act]


def _top(scores: np.ndarray, test: AnnotatedDialogues) -> float:
    return float(test.intents[np.arange(len(scores)), scores.argmax(axis=1)].mean())


def _counts(words: np.ndarray) -> np.ndarray:
    """bool [S, L]: the words of texts, and the one that ends them."""
    return (words > 0) | (np.cumsum(words == 0, axis=1) == 1)


def _ngrams(train: np.ndarray, test: np.ndarray, num_words: int, order: int) -> float:
    """The log-probability of texts by counts of words, or of pairs of words mixed with these."""
    singles = np.bincount(train[_counts(train)], minlength=num_words) + _SMOOTHING
    singles = singles / singles.sum()
    kept = _counts(test)
    if order == 1:
        return float(np.log(singles[test[kept]]).sum())

    def before(words):
        return np.pad(words[:, :-1], [[0, 0], [1, 0]])

    pairs = np.zeros([num_words, num_words])
    np.add.at(pairs, (before(train)[_counts(train)], train[_counts(train)]), 1)
    totals = pairs.sum(axis=1, keepdims=True)
    # Witten & Bell 1991: as much weight to single words as kinds of pairs were seen.
    kinds = (pairs > 0).sum(axis=1, keepdims=True) + 1
    mixed = (pairs + kinds * singles) / (totals + kinds)
    return float(np.log(mixed[before(test)[kept], test[kept]]).sum())
