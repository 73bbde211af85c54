"""IARD as logged sessions of conversations."""

from collections.abc import Sequence

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.conversation import (
    Act,
    ConversationUsers,
    Items,
    Mode,
    Query,
    Traits,
    Utterance,
    alphabet,
    conversation,
)
from recsim_tf.fitting.logs.datasets.iard import INTENTS, AnnotatedDialogues, read_iard
from recsim_tf.fitting.logs.session_log import SessionLog, repeat_last_step
from recsim_tf.language import Grammar, Vocabulary

# What stands for each intent: a mode, and where the intent tells it, a value.
_MODES = {
    "neutral": (Mode.NOTHING, 0),
    "accept": (Mode.CHOOSE, 0),
    "reject": (Mode.CHOOSE, 1),
    "answer": (Mode.ANSWER, None),
    "seen": (Mode.RATE, None),
    "critique": (Mode.CRITIQUE, None),
    "disclose": (Mode.REFINE, None),
    "inquire": (Mode.INQUIRE, 0),
    "opinion": (Mode.INQUIRE, 0),
    "request": (Mode.REQUEST, 0),
    "other": (Mode.REMARK, 0),
}
# Soft attributes by the words that name them.
GENRES = {
    "funny": ("comedy", "comedies", "funny", "funnier", "hilarious", "laugh"),
    "scary": ("horror", "scary", "scarier", "creepy"),
    "action": ("action", "superhero", "fight", "war"),
    "romantic": ("romance", "romantic", "love"),
    "dramatic": ("drama", "dramas", "dramatic", "sad"),
    "family": ("kids", "family", "animated", "disney", "children", "cartoon"),
    "thrilling": ("thriller", "thrillers", "suspense", "mystery"),
    "old": ("old", "older", "classic", "classics"),
}


def intent_symbols(num_attributes: int) -> np.ndarray:
    """bool [I, R]: which symbols of a reply to a slate of one item an intent of `INTENTS` may be."""
    replies = alphabet(1, num_attributes)
    found = np.zeros([len(INTENTS), replies.num_symbols], bool)
    for row, intent in enumerate(INTENTS):
        mode, value = _MODES[intent]
        first, size = replies.offsets[mode], replies.sizes[mode]
        found[row, first : first + size] = True
        if value is not None:
            found[row] = False
            found[row, first + value] = True
    return found


def iard_grammar(
    dialogues: AnnotatedDialogues,
    attributes: dict[str, Sequence[str]] = GENRES,
    max_length: int = 30,
    min_uses: int = 3,
    smoothing: float = 0.5,
) -> Grammar:
    """A bag of words for each symbol of a reply, of the utterances that may be it: those with an
    intent of it, and if it has an attribute, with a word that names this attribute or none.

    Args:
      dialogues: to learn from.
      attributes: words that name an attribute, by its name.
      max_length: L.
      min_uses: of a word.
      smoothing: see `Grammar.of_texts`.
    """
    vocabulary = Vocabulary.of_texts(list(dialogues.texts), max_length, min_uses)
    named = _named(dialogues.texts, vocabulary, attributes)  # bool [U, A]
    replies = alphabet(1, len(attributes))
    mode, value = (each.numpy() for each in replies.split(tf.range(replies.num_symbols)))
    # Of which attribute a symbol is, -1 where of none.
    attribute = np.where(
        (mode == Mode.CRITIQUE) | (mode == Mode.REFINE), value % len(attributes), -1
    )
    may_be = np.zeros([len(named), replies.num_symbols], bool)
    for row, symbols in enumerate(intent_symbols(len(attributes))):
        may_be[np.ix_(dialogues.intents[:, row], symbols)] = True
    names_it = named[:, np.maximum(attribute, 0)] | ~named.any(axis=1, keepdims=True)
    may_be &= (attribute < 0) | names_it
    rows, symbols = np.nonzero(may_be)
    return Grammar.of_texts(
        symbols, dialogues.texts[rows], replies.num_symbols, vocabulary, smoothing
    )


@gin.configurable(module="recsim_tf")
def iard_conversation(path: str = gin.REQUIRED) -> Simulator:
    """Conversations of the kind of IARD, to be fitted to it: slates of one item, eight genres as
    attributes, any reply to any act, and the words of the seekers of the data set.

    Args:
      path: of the data set, see `read_iard`.
    """
    users = ConversationUsers(
        num_attributes=len(GENRES),
        attribute_names=tuple(GENRES),
        any_reply=True,
        channel=iard_grammar(read_iard(path)),
        are_replies_observed=False,
        act_effects=np.zeros([len(Act), len(Mode)], np.float32),
        phase_effects=np.zeros([6, len(Mode)], np.float32),
        ignoring=0.0,
        rating=0.0,
        critiquing=0.0,
        refining=0.0,
        inquiring=0.0,
        requesting=0.0,
        remarking=0.0,
    )
    items = Items(num_factors=users.num_factors, directions=users.directions)
    return conversation(users, items, slate_size=1, num_candidates=20)


@gin.configurable(module="recsim_tf")
def iard_log(path: str = gin.REQUIRED) -> SessionLog:
    """The dialogues of IARD as sessions, for `iard_conversation`.

    Args:
      path: of the data set, see `read_iard`.
    """
    dialogues = read_iard(path)
    vocabulary = iard_grammar(dialogues).vocabulary
    return dialogue_log(dialogues, vocabulary, len(GENRES))


def dialogue_log(
    dialogues: AnnotatedDialogues, vocabulary: Vocabulary, num_attributes: int, num_factors: int = 10
) -> SessionLog:
    """Dialogues as sessions of an average user, with slates of one item.

    Each label of an utterance is a step, since a reply is one symbol. The films are not known: the
    item of a step has the number of offers so far as its id, so that a step offers another item
    where the recommender has recommended anew. Nothing is known of tastes: they are zeros, and so
    are senses and talkativeness.

    Args:
      dialogues: some or all.
      vocabulary: of their words.
      num_attributes: A.
      num_factors: F.
    """
    rows, labels = dialogues.labels()
    ids, session, sizes = np.unique(
        dialogues.dialogue[rows], return_inverse=True, return_counts=True
    )
    step = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    shape = (len(ids), int(sizes.max()))
    length = sizes.astype(np.int32)

    def by_step(values: np.ndarray) -> np.ndarray:
        filled = np.zeros([*shape, *values.shape[1:]], values.dtype)
        filled[session, step] = values
        return repeat_last_step(filled, length)

    offsets = alphabet(1, num_attributes).offsets
    told = [
        -2 - mode if value is None else offsets[mode] + value
        for mode, value in (_MODES[intent] for intent in INTENTS)
    ]
    words = vocabulary.ids(list(dialogues.texts)).numpy()
    return SessionLog(
        length=length,
        departed=np.zeros(len(ids), bool),
        initial=Traits(
            np.zeros([len(ids), num_factors], np.float32),
            np.zeros([len(ids), num_attributes], np.int32),
            np.zeros(len(ids), np.float32),
        ),
        documents=by_step(dialogues.num_offers[rows])[..., np.newaxis],
        shown=np.ones([*shape, 1], bool),
        hidden=(),
        response=Utterance(
            by_step(np.array(told, np.int32)[labels]),
            np.full(shape, -1, np.float32),
            by_step(words[rows]),
        ),
        innovation=(),
        query=Query(
            by_step(dialogues.act[rows]), np.full([*shape, 3], -1, np.int32)
        ),
    )


def _named(texts, vocabulary: Vocabulary, attributes) -> np.ndarray:
    """bool [U, A]: which attributes a text names."""
    said = vocabulary.ids(list(texts)).numpy()
    found = np.zeros([len(texts), len(attributes)], bool)
    for column, words in enumerate(attributes.values()):
        known = [vocabulary.words.index(word) + 2 for word in words if word in vocabulary.words]
        found[:, column] = np.isin(said, known).any(axis=1)
    return found
