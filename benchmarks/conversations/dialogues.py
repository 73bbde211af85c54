"""The dialogues of IARD.

intents: seekers' intents: how probable they are after the recommender's act, how well words tell
  them, and how much more often an endorsed film is accepted.
recurrent: a recurrent channel on the words: how well it predicts what seekers say, given what they
  mean, and how well it tells what they mean.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from sections import Section, Settings, section
from tensorflow_probability import distributions as tfd

from recsim_tf.choice import MultinomialLogit
from recsim_tf.conversations import (
    Act,
    DialogueUsers,
    Items,
    Mode,
    conversation,
    query,
)
from recsim_tf.conversations.acts import alphabet
from recsim_tf.conversations.logs.iard import (
    GENRES,
    INTENTS,
    MODES,
    AnnotatedDialogues,
    dialogue_log,
    read_iard,
)
from recsim_tf.conversations.parts import Critiques, Ratings, Refinements
from recsim_tf.core.base.types import Slate
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting import LBFGS, Exact, Parameter, fit
from recsim_tf.fitting.fit import FitResult
from recsim_tf.language import Grammar, Recurrent, Vocabulary
from recsim_tf.logs.trajectories import as_trajectory, scoring_simulator
from recsim_tf.support.tables import text_table

_ACTS = np.array([Act.ENDORSE, Act.RECOMMEND, Act.ASK, Act.RESPOND], np.int32)
_NUM_DIALOGUES, _NUM_REPLIES = 40, 8
_NUM_GENRES = len(GENRES)
_MAX_LENGTH, _MIN_USES = 30, 3
_NUM_PHASES = 6
_PRIOR = tfd.Normal(np.float32(0), np.float32(1))
_IARD_SIZES = {
    False: {"splits": 5, "resamples": 40, "iterations": 60},
    True: {"splits": 1, "resamples": 1, "iterations": 3},
}
_RECURRENT_SIZES = {
    False: {"length": 30, "units": 48, "passes": 60, "splits": 1},
    True: {"length": 4, "units": 2, "passes": 1, "splits": 1},
}
_SMOOTHING = 0.5


def dialogues(settings: Settings) -> AnnotatedDialogues:
    """Those of the file `settings.path`; without it, for a smoke run, made-up ones."""
    if settings.path:
        return read_iard(settings.path)
    if not settings.quick:
        raise ValueError("--path must name the file of IARD, see docs/conversations.md, got none")
    generator = np.random.default_rng(0)
    shape = (_NUM_DIALOGUES, _NUM_REPLIES)
    act = generator.choice(_ACTS, shape)
    intent = generator.integers(len(INTENTS), size=shape).ravel()
    names = list(INTENTS)
    return AnnotatedDialogues(
        np.repeat(np.arange(_NUM_DIALOGUES), _NUM_REPLIES).astype(np.int32),
        tuple(map(str, range(_NUM_DIALOGUES))),
        act.ravel(),
        np.cumsum(np.isin(act, _ACTS[:2]), axis=1).astype(np.int32).ravel(),
        np.eye(len(INTENTS), dtype=bool)[intent],
        np.array([f"well {names[number]} it is" for number in intent], object),
    )


def intents(settings: Settings) -> Section:
    data = dialogues(settings)
    size = _IARD_SIZES[settings.quick]
    iterations = size["iterations"]
    splits = [_halves(data, settings.seed + number) for number in range(size["splits"])]
    found = [_split(*split, iterations) for split in splits]
    names = ("nats without the act", "nats", "top 1 by words", "top 1")
    means = np.mean(found, axis=0)
    errors = np.std(found, axis=0, ddof=1) / np.sqrt(len(found)) if len(found) > 1 else [0.0] * 4
    ratio, low, high = _endorsed_ratio(data, size, settings.seed)
    rows = [("held out, 20 % of dialogues", "mean", "±")]
    rows += [
        (name, f"{mean:.3f}", f"{error:.3f}")
        for name, mean, error in zip(names, means, errors, strict=True)
    ]
    figures = {
        "iard.marginal_nats": float(means[0]),
        "iard.nats": float(means[1]),
        "iard.words_top1": float(means[2]),
        "iard.top1": float(means[3]),
        "iard.endorsed_ratio": ratio,
        "iard.endorsed_ratio_low": low,
        "iard.endorsed_ratio_high": high,
    }
    bars = {"iard.nats": (0, 1.90), "iard.top1": (0.73, 1)}
    title = (
        f"IARD, {len(data.dialogue_ids)} dialogues, {len(data.texts)} replies,"
        f" {int(data.intents.sum())} intents; {size['splits']} splits"
    )
    notes = [
        f"acceptance of endorsed over plain recommendations: {ratio:.2f}, 95 % interval"
        f" [{low:.2f}, {high:.2f}]; counted {_observed_ratio(data):.2f}"
    ]
    details = {"splits": [list(map(float, row)) for row in found]}
    return section(settings, title, rows, figures, bars, notes, details)


def _halves(
    data: AnnotatedDialogues, seed: int, held_out: float = 0.2
) -> tuple[AnnotatedDialogues, AnnotatedDialogues]:
    """Two parts of whole dialogues, the second with about that part of them."""
    order = np.random.default_rng(seed).permutation(len(data.dialogue_ids))
    is_held_out = np.isin(data.dialogue, order[: round(held_out * len(order))])
    return _taken(data, ~is_held_out), _taken(data, is_held_out)


def _taken(data: AnnotatedDialogues, rows: np.ndarray) -> AnnotatedDialogues:
    names = ("dialogue", "act", "num_offers", "intents", "texts")
    return data._replace(**{name: getattr(data, name)[rows] for name in names})


def _intent_symbols() -> np.ndarray:
    """bool [I, R]: which symbols of a reply to a slate of one item an intent may be."""
    replies = alphabet(1, _NUM_GENRES)
    found = np.zeros([len(INTENTS), replies.num_symbols], bool)
    for row, (mode, value) in enumerate(MODES.values()):
        first, size = replies.offsets[mode], replies.sizes[mode]
        if value is None:
            found[row, first : first + size] = True
        else:
            found[row, first + value] = True
    return found


def _bag_of_words(
    symbols: np.ndarray, texts: np.ndarray, vocabulary: Vocabulary, weights: np.ndarray
) -> Grammar:
    """Naive Bayes: the words of an intent are drawn independently, whatever their position.

    Args:
      symbols: int [S], the intents.
      texts: [S].
      vocabulary: of texts.
      weights: [S], how much each text counts.
    """
    words = vocabulary.ids(list(texts)).numpy()
    counts = np.full([len(INTENTS), vocabulary.size], _SMOOTHING)
    np.add.at(counts, (symbols[:, np.newaxis], words), weights[:, np.newaxis])
    # What is no word, and what is not known, is as likely for all intents.
    common = np.array([(words == 0).sum(), (words == 1).sum(), (words > 1).sum()]) + _SMOOTHING
    empty, unknown, rest = common / common.sum()
    counts[:, :2] = 0
    probs = rest * counts / counts.sum(axis=1, keepdims=True)
    probs[:, 0], probs[:, 1] = empty, unknown
    logits = np.log(probs).astype(np.float32)[:, np.newaxis, np.newaxis]
    return Grammar(vocabulary, len(INTENTS), word_logits=logits)


def _simulator() -> Simulator:
    """Conversations of one item, in which words say nothing."""
    num_symbols = _intent_symbols().shape[1]
    silent = np.full([num_symbols, 1, 1, 3], -np.inf, np.float32)
    silent[..., 0] = 0
    users = DialogueUsers(
        num_attributes=_NUM_GENRES,
        channel=Grammar(Vocabulary(["hm"], 1), num_symbols, word_logits=silent),
        are_replies_observed=False,
        choice_model=MultinomialLogit(0.0),
        choice_sharpness=1.0,
        act_effects=np.zeros([len(Act), len(Mode)], np.float32),
        phase_effects=np.zeros([_NUM_PHASES, len(Mode)], np.float32),
        readiness=np.zeros(_NUM_PHASES, np.float32),
        ignoring=0.0,
        ratings=Ratings(logit=0.0),
        critiques=Critiques(logit=0.0),
        refinements=Refinements(logit=0.0),
    )
    return conversation(
        users, Items(num_factors=users.num_factors), slate_size=1, num_candidates=20
    )


def _log(data: AnnotatedDialogues, simulator: Simulator):
    users = simulator.users
    log = dialogue_log(data, users.channel.vocabulary, users.num_factors)
    return log._replace(response=log.response._replace(words=np.zeros_like(log.response.words)))


def _fit(data: AnnotatedDialogues, simulator: Simulator, iterations: int) -> FitResult:
    parameters = {
        "users.act_effects": Parameter(prior=_PRIOR),
        "users.phase_effects": Parameter(prior=_PRIOR),
        "users.choice_model.no_click_mass": Parameter(prior=_PRIOR),
        "users.trust.endorsement": Parameter(prior=_PRIOR),
        "users.afterthought": Parameter(prior=_PRIOR),
        "users.readiness": Parameter(prior=_PRIOR),
    }
    return fit(
        simulator,
        parameters,
        _log(data, simulator),
        method=Exact(search=LBFGS(max_iterations=iterations, progress=False), uncertainty=None),
    )


def _split(
    train: AnnotatedDialogues, test: AnnotatedDialogues, iterations: int
) -> tuple[float, ...]:
    simulator = _simulator()
    result = _fit(train, simulator, iterations)
    log = _log(test, simulator)
    num_labels = int(log.length.sum())
    scorer = scoring_simulator(result.simulator)
    scores = scorer.log_prob(as_trajectory(log, scorer, log.num_sessions)).response
    nats = -float(tf.reduce_sum(scores)) / num_labels
    rows, train_labels = np.nonzero(train.intents)
    _, labels = np.nonzero(test.intents)
    counts = np.bincount(train_labels, minlength=len(INTENTS)) + 0.5
    # The mode of an inquiry does not say which of two intents it is.
    shares = np.ones(len(INTENTS))
    two = [list(INTENTS).index(name) for name in ("inquire", "opinion")]
    shares[two] = counts[two] / counts[two].sum()
    nats -= float(np.log(shares)[labels].mean())
    marginal = np.log(counts / counts.sum())
    given_act = np.exp(_reply_log_probs(result.simulator, test)) @ _intent_symbols().T
    vocabulary = Vocabulary.of_texts(list(train.texts), _MAX_LENGTH, _MIN_USES)
    channel = _bag_of_words(
        train_labels, train.texts[rows], vocabulary, 1 / train.intents.sum(axis=1)[rows]
    )
    evidence = channel.evidence(vocabulary.ids(list(test.texts))).numpy()
    top = []
    for prior in (marginal, np.log(given_act * shares)):
        best = (evidence + prior).argmax(axis=1)
        top.append(float(test.intents[np.arange(len(best)), best].mean()))
    return -float(marginal[labels].mean()), nats, *top


def _reply_log_probs(simulator: Simulator, data: AnnotatedDialogues) -> np.ndarray:
    """[U, R]: of the replies to each act, before words are heard."""
    users = simulator.users
    num_users = len(data.texts)
    draws = tf.nest.map_structure(tf.zeros_like, users.initial_draws(num_users).sample(seed=0))
    offers = tf.constant(data.num_offers)
    is_offer = (data.act == Act.ENDORSE) | (data.act == Act.RECOMMEND)
    state = users.initial_state(draws)
    number = offers - tf.cast(is_offer, tf.int32)
    state = state._replace(offers=state.offers._replace(number=number))
    ids = tf.zeros([num_users, 1], tf.int32)
    slate = Slate(
        simulator.documents.describe(ids, ()),
        tf.ones([num_users, 1], tf.bool),
        query(tf.constant(data.act)),
    )
    return users.alternatives(state, slate).log_probs.numpy()


def _endorsed_ratio(
    data: AnnotatedDialogues, size: Mapping[str, int], seed: int
) -> tuple[float, float, float]:
    """How much more often an endorsed film is accepted, by the fit, and an interval from fits to
    dialogues that are drawn again.
    """
    simulator = _simulator()

    def ratio(some: AnnotatedDialogues) -> float:
        fitted = _fit(some, simulator, size["iterations"]).simulator
        offered = np.isin(data.act, (Act.ENDORSE, Act.RECOMMEND))
        rates = []
        for act in (Act.ENDORSE, Act.RECOMMEND):
            asked = data._replace(act=np.where(offered, act, data.act).astype(np.int32))
            probs = np.exp(_reply_log_probs(fitted, asked))[offered]
            rates.append(probs[:, 1].mean())
        return float(rates[0] / rates[1])

    generator = np.random.default_rng([seed, 5])
    num_dialogues = len(data.dialogue_ids)
    found = []
    for _ in range(size["resamples"]):
        chosen = generator.integers(num_dialogues, size=num_dialogues)
        rows = [np.flatnonzero(data.dialogue == one) for one in chosen]
        again = np.repeat(np.arange(num_dialogues), list(map(len, rows))).astype(np.int32)
        some = _taken(data, np.concatenate(rows))._replace(dialogue=again)
        found.append(ratio(some))
    low, high = np.quantile(found, [0.025, 0.975])
    return ratio(data), float(low), float(high)


def _observed_ratio(data: AnnotatedDialogues) -> float:
    accept = list(INTENTS).index("accept")
    rates = [
        data.intents[data.act == act, accept].sum() / data.intents[data.act == act].sum()
        for act in (Act.ENDORSE, Act.RECOMMEND)
    ]
    return float(rates[0] / rates[1])


def recurrent(settings: Settings) -> Section:
    size = _RECURRENT_SIZES[settings.quick]
    train, test = _halves(dialogues(settings), settings.seed)
    vocabulary = Vocabulary.of_texts(list(train.texts), size["length"], _MIN_USES)
    labelled, labels = np.nonzero(train.intents)
    words = vocabulary.ids(list(train.texts[labelled])).numpy()
    features = np.eye(len(INTENTS), dtype=np.float32)
    untrained = Recurrent(vocabulary, features, num_units=size["units"], seed=settings.seed)
    channel = untrained.trained(labels, words, max_passes=size["passes"])
    test_rows, test_labels = np.nonzero(test.intents)
    heard = vocabulary.ids(list(test.texts)).numpy()
    evidence = np.concatenate(
        [channel.evidence(part).numpy() for part in np.array_split(heard, max(len(heard) // 50, 1))]
    )
    shares = 1 / train.intents.sum(axis=1)[labelled]
    naive = _bag_of_words(labels, train.texts[labelled], vocabulary, shares)
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
    title = f"IARD, {len(test.texts)} held-out replies, {vocabulary.size} words"
    rows = [("model", "perplexity a word"), *((k, f"{v:.1f}") for k, v in perplexities.items())]
    by = [("intent by", "top 1"), *((k, f"{v:.3f}") for k, v in top.items())]
    notes = [
        *text_table(by).splitlines(),
        "what it says:",
        *(f"  {intent}: {text}" for intent, text in zip(INTENTS, said, strict=True)),
    ]
    bars = {"recurrent.perplexity": (0, figures["recurrent.bigram"])}
    return section(settings, title, rows, figures, bars, notes)


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
