"""IARD as logged sessions of conversations."""

import os
from collections.abc import Mapping, Sequence

import gin
import numpy as np

from recsim_tf.conversations import (
    ConversationUsers,
    Mode,
    Query,
    Traits,
    Utterance,
    alphabet,
)
from recsim_tf.conversations.logs.iard import INTENTS, AnnotatedDialogues, read_iard
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.logs.session_log import SessionLog, repeat_last_step
from recsim_tf.language import Vocabulary

# What stands for each intent: a mode, and where the intent tells it, a value.
_MODES: Mapping[str, tuple[Mode, int | None]] = {
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
# Words that name a genre.
GENRES: Mapping[str, Sequence[str]] = {
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
    """bool [I, R]: which symbols of a reply to a slate of one item an intent of `INTENTS` may be.

    "inquire" and "opinion" are the same symbol.
    """
    replies = alphabet(1, num_attributes)
    found = np.zeros([len(INTENTS), replies.num_symbols], bool)
    for row, (mode, value) in enumerate(_MODES.values()):
        first, size = replies.offsets[mode], replies.sizes[mode]
        if value is None:
            found[row, first : first + size] = True
        else:
            found[row, first + value] = True
    return found


@gin.configurable(module="recsim_tf")
def iard_log(
    path: str | os.PathLike = gin.REQUIRED,
    simulator: Simulator = gin.REQUIRED,
    attribute_words: Mapping[str, Sequence[str]] = GENRES,
) -> SessionLog:
    """The dialogues of IARD as sessions of conversations.

    Args:
      path: of the data set, see `read_iard`.
      simulator: of conversations, with slates of one item, whose users speak.
      attribute_words: see `dialogue_log`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: for a file that is not IARD's, users who do not speak, or another slate_size.
    """
    users = getattr(simulator, "users", None)
    if not isinstance(users, ConversationUsers) or users.channel is None:
        raise ValueError("simulator must be of ConversationUsers with a channel")
    if simulator.slate_size != 1:
        raise ValueError(f"simulator must have slate_size=1, got {simulator.slate_size}")
    vocabulary = getattr(users.channel, "vocabulary", None)
    if not isinstance(vocabulary, Vocabulary):
        raise ValueError("simulator must have a channel with a vocabulary, such as a Grammar")
    return dialogue_log(
        read_iard(path), vocabulary, users.num_factors, attribute_words, users.num_attributes
    )


def dialogue_log(
    dialogues: AnnotatedDialogues,
    vocabulary: Vocabulary,
    num_factors: int,
    attribute_words: Mapping[str, Sequence[str]] = GENRES,
    num_attributes: int | None = None,
) -> SessionLog:
    """Dialogues as sessions of an average user, with slates of one item.

    Each label of an utterance is a step, since a reply is one symbol. An intent may tell the mode
    of a reply alone. Where a seeker discloses a preference and names one attribute, that is the
    attribute. The films are not known: the item of a step has the number of offers so far as its
    id, so that a step offers another item where the recommender has recommended anew. Nothing is
    known of tastes: they are zeros, and so are senses and talkativeness.

    Args:
      dialogues: some or all.
      vocabulary: of their words.
      num_factors: F.
      attribute_words: words that name an attribute, for each attribute in order.
      num_attributes: A, by default as many as attribute_words.

    Raises:
      ValueError: for words of another number of attributes.
    """
    num_attributes = len(attribute_words) if num_attributes is None else num_attributes
    if len(attribute_words) != num_attributes:
        raise ValueError(
            f"attribute_words must be of {num_attributes} attributes, got {len(attribute_words)}"
        )
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
        -2 - mode if value is None else offsets[mode] + value for mode, value in _MODES.values()
    ]
    symbols = np.array(told, np.int32)[labels]
    words = vocabulary.ids(list(dialogues.texts)).numpy()
    named = _named(words, vocabulary, attribute_words)[rows]
    discloses = (labels == list(INTENTS).index("disclose")) & (named.sum(axis=1) == 1)
    symbols[discloses] = offsets[Mode.REFINE] + named[discloses].argmax(axis=1)
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
        response=Utterance(by_step(symbols), np.full(shape, -1, np.float32), by_step(words[rows])),
        innovation=(),
        query=Query(by_step(dialogues.act[rows]), np.full([*shape, 3], -1, np.int32)),
    )


def _named(words: np.ndarray, vocabulary: Vocabulary, attribute_words) -> np.ndarray:
    """bool [U, A]: which attributes the words int [U, L] name."""
    found = np.zeros([len(words), len(attribute_words)], bool)
    for column, names in enumerate(attribute_words.values()):
        known = [vocabulary.words.index(name) + 2 for name in names if name in vocabulary.words]
        found[:, column] = np.isin(words, known).any(axis=1)
    return found
