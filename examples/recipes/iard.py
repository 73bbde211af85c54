"""IARD: dialogues about films, labelled by intent and action, as logged conversations."""

import html
import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gin
import numpy as np
from recsim_tf.conversations.acts import Act, Mode, alphabet
from recsim_tf.conversations.dialogues import DialogueUsers
from recsim_tf.conversations.documents import Items
from recsim_tf.conversations.types import UNKNOWN, Query, Reply, Traits, Utterance
from recsim_tf.core.base.arguments import Count, checked, configurable, is_integer
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.validation import check_different
from recsim_tf.core.simulator import Simulator
from recsim_tf.language import Vocabulary
from recsim_tf.language.channel import VocabularyChannel
from recsim_tf.logs.log import Log
from recsim_tf.logs.tables import parsing
from recsim_tf.support.errors import one_line, printable

# Intents of seekers, and their codes in the data set (Cai & Chen 2020, table 2).
INTENTS = {
    "neutral": ("NRE",),
    "accept": ("ACC",),
    "reject": ("REJ",),
    "answer": ("ANS",),
    "seen": ("SEE",),
    "critique": ("CRI-F", "CRI-A", "CRI-C"),
    "disclose": ("PRO",),
    "inquire": ("INQ",),
    "opinion": ("ASK",),
    "request": ("IQU", "CON", "REF", "STO"),
    "other": ("OTH",),
}
_INTENT_OF_CODE = {code: number for number, codes in enumerate(INTENTS.values()) for code in codes}
# The reply of each intent: its mode, and its value if the intent determines it.
MODES: Mapping[str, tuple[Mode, int | None]] = {
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
# Codes of the recommenders' actions by act (Cai & Chen 2020, table 3). An utterance with several
# acts counts as the first of them.
_ACTS = {
    Act.ENDORSE: ("EXP-I", "EXP-P", "EXP-S"),
    Act.RECOMMEND: ("REC-S", "REC-E"),
    Act.ASK: ("REQ", "CLQ"),
    Act.RESPOND: ("RESP", "R-ANS", "OTH"),
}
_ACT_OF_CODE = {code: act for act, codes in _ACTS.items() for code in codes}
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
# A film is written as "@12345 <Title (1999)>" or "@12345".
_FILM = re.compile(r"@\d+(\s*<[^>]*>)?|<[^>]*>")


class AnnotatedDialogues(NamedTuple):
    """U utterances of seekers that follow an utterance of the recommender, in D dialogues."""

    dialogue: np.ndarray  # int32 [U], positions in dialogue_ids; the utterances are in order
    dialogue_ids: tuple[str, ...]  # D ids, sorted
    act: np.ndarray  # int32 [U], the `conversation.Act` of the recommender's last utterance
    num_offers: np.ndarray  # int32 [U], number of past utterances that recommend films
    intents: np.ndarray  # bool [U, I], by `INTENTS`; an utterance may have several intents
    texts: np.ndarray  # [U], Python strings, in which "film" replaces each film's name


def read_iard(path: str | os.PathLike) -> AnnotatedDialogues:
    """Reads the data set IARD (Cai and Chen 2020, "Predicting user intents and satisfaction with
    dialogue-based conversational recommendations", UMAP; for research, cite them;
    github.com/wanlingcai1997/umap_2020_IARD), a JSON file of dialogues of ReDial (Li et al. 2018,
    arXiv 1812.07617).

    An utterance of the recommender counts as one act: ENDORSE if it explains a film, RECOMMEND if
    it names a film without an explanation, ASK if it requests or clarifies, and RESPOND otherwise.

    Args:
      path: the file.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if the file is not JSON, or has no dialogues; for a dialogue that lacks a field,
        or has an invalid value in it, such as a position of two utterances or an unknown code, with
        the dialogue.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a JSON file: {one_line(error)}") from error
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{path} must have dialogues by id, got {type(content).__name__}")
    ids = sorted(content)
    rows: list[tuple[int, int, int, list[int], str]] = []
    for number, name in enumerate(ids):
        act, num_offers = None, 0
        for each in _utterances(content[name], f"{path}, dialogue {printable(name)}"):
            if each.is_seeker:
                if act is not None:
                    labelled = [_INTENT_OF_CODE[code] for code in each.codes]
                    rows.append((number, act, num_offers, labelled, each.text))
            else:
                labelled_acts = {_ACT_OF_CODE[code] for code in each.codes}
                act = int(next(act for act in _ACTS if act in labelled_acts))
                num_offers += Act.RECOMMEND in labelled_acts
    if not rows:
        raise ValueError(f"{path} must have a seeker who replies, got none")
    dialogue, acts, offers, labels, texts = zip(*rows, strict=True)
    intents = np.zeros([len(rows), len(INTENTS)], bool)
    for row, numbers in enumerate(labels):
        intents[row, numbers] = True
    return AnnotatedDialogues(
        np.array(dialogue, np.int32),
        tuple(ids),
        np.array(acts, np.int32),
        np.array(offers, np.int32),
        intents,
        np.array(texts, object),
    )


class _Utterance(NamedTuple):
    position: int
    is_seeker: bool
    codes: list[str]
    text: str


def _utterances(dialogue: Any, where: str) -> list[_Utterance]:
    """The utterances of a dialogue in their order."""
    try:
        utterances = [
            _utterance(each, f"{where}, utterance {printable(name)}")
            for name, each in dialogue["dialogue_info"].items()
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{where} must have the fields of IARD: {one_line(error)}") from error
    utterances.sort()
    for first, second in itertools.pairwise(utterances):
        if first.position == second.position:
            raise ValueError(
                f"{where} must have one utterance at position {first.position}, got two"
            )
    return utterances


def _utterance(fields: dict[str, Any], where: str) -> _Utterance:
    position, role = fields["utterance_pos"], fields["role"]
    codes, text = fields["sub-intent/action"], fields["utterance_text"]
    role_codes: Collection = _INTENT_OF_CODE if role == "seeker" else _ACT_OF_CODE
    are_codes = isinstance(codes, list) and all(isinstance(code, str) for code in codes)
    for field, value, is_right, allowed in (
        ("utterance_pos", position, is_integer(position) and 0 <= position < 2**31, "from 0 on"),
        ("role", role, role in ("seeker", "recommender"), "seeker or recommender"),
        (
            "sub-intent/action",
            codes,
            are_codes and 0 < len(codes) == len(set(codes) & set(role_codes)),
            f"some of {', '.join(role_codes)}",
        ),
        ("utterance_text", text, parsing.is_text(text), "text of UTF-8"),
    ):
        if not is_right:
            got = printable(shown(value))
            raise ValueError(f"{where} must have a {field} {allowed}, got {got}")
    return _Utterance(position, role == "seeker", codes, _FILM.sub(" film ", html.unescape(text)))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object with these names and values. Raises a ValueError for a repeated name, of which
    Python would use the last value.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{printable(name)} is there twice")
    return fields


@configurable(module="recsim_tf")
def iard_log(
    path: str | os.PathLike = gin.REQUIRED,
    simulator: Simulator = gin.REQUIRED,
    attribute_words: Mapping[str, Sequence[str]] = GENRES,
) -> Log:
    """The dialogues of IARD as sessions of conversations.

    Args:
      path: the file of the data set, see `read_iard`.
      simulator: a simulator of `DialogueUsers` who speak, with slates of one item, and more items
        than a dialogue has offers.
      attribute_words: see `dialogue_log`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: for another file, other users, another slate_size, or too few items.
    """
    users = simulator.users
    if not isinstance(users, DialogueUsers) or not isinstance(users.channel, VocabularyChannel):
        raise ValueError(
            "simulator must be of DialogueUsers with a channel that has a vocabulary, such as a"
            " Grammar"
        )
    if simulator.slate_size != 1:
        raise ValueError(f"simulator must have slate_size=1, got {simulator.slate_size}")
    _check_words(attribute_words)
    if len(attribute_words) != users.num_attributes:
        raise ValueError(
            f"attribute_words must have {users.num_attributes} attributes, got"
            f" {len(attribute_words)}"
        )
    dialogues, vocabulary = read_iard(path), users.channel.vocabulary
    documents, num_offers = simulator.documents, dialogues.num_offers.max()
    if isinstance(documents, Items) and num_offers >= documents.num_items:
        raise ValueError(
            f"num_items of the documents must be above {num_offers}, the offers of a dialogue, got"
            f" {documents.num_items}"
        )
    num_chips = simulator.query_spec.attributes.shape[0]
    return dialogue_log(dialogues, vocabulary, users.num_factors, attribute_words, num_chips)


@checked
def dialogue_log(
    dialogues: AnnotatedDialogues,
    vocabulary: Vocabulary,
    num_factors: int,
    attribute_words: Mapping[str, Sequence[str]] = GENRES,
    num_chips: Count = 3,
) -> Log:
    """Dialogues as sessions of an average user, with slates of one item.

    Each label of an utterance is a step, since a reply is a single symbol. Some intents have a mode
    of reply and no value. If a seeker discloses a preference and names one attribute, the reply has
    that attribute. The films are unknown: the id of a step's item is the number of past offers, so
    that a step offers another item after a further recommendation. Tastes are unknown: they are
    zeros, and so are senses and talkativeness.

    Args:
      dialogues: some or all dialogues.
      vocabulary: the vocabulary of their words.
      num_factors: number of factors F.
      attribute_words: words that name an attribute, for each of the A attributes in order.
      num_chips: number of attributes C that a turn can name, that of the environment.

    Raises:
      ValueError: for no dialogues, other attribute_words, or num_chips out of range.
    """
    if not len(dialogues.dialogue):
        raise ValueError("dialogues must have utterances, got none")
    _check_words(attribute_words)
    num_attributes = len(attribute_words)
    rows, labels = np.nonzero(dialogues.intents)
    ids, sizes = np.unique(dialogues.dialogue[rows], return_counts=True)
    # The place of each step in the list of labels. The last step of a dialogue is repeated.
    step = np.minimum(np.arange(sizes.max()), sizes[:, np.newaxis] - 1)
    places = (np.cumsum(sizes) - sizes)[:, np.newaxis] + step

    def by_step(values: np.ndarray) -> np.ndarray:
        return values[places]

    offsets = alphabet(1, num_attributes).offsets
    modes = np.array([mode for mode, _ in MODES.values()], np.int32)[labels]
    symbol_of_intent = [
        UNKNOWN if value is None else offsets[mode] + value for mode, value in MODES.values()
    ]
    symbols = np.array(symbol_of_intent, np.int32)[labels]
    words = vocabulary.ids(list(dialogues.texts)).numpy()
    named = _named(words, vocabulary, attribute_words)[rows]
    discloses = (labels == list(INTENTS).index("disclose")) & (named.sum(axis=1) == 1)
    symbols[discloses] = offsets[Mode.REFINE] + named[discloses].argmax(axis=1)
    return Log(
        length=sizes.astype(np.int32),
        departed=np.zeros(len(ids), bool),
        initial=Traits(
            np.zeros([len(ids), num_factors], np.float32),
            np.zeros([len(ids), num_attributes], np.int32),
            np.zeros(len(ids), np.float32),
        ),
        documents=by_step(dialogues.num_offers[rows])[..., np.newaxis],
        shown=np.ones([*places.shape, 1], bool),
        response=Utterance(
            Reply(by_step(modes), by_step(symbols)),
            np.full(places.shape, UNKNOWN, np.float32),
            by_step(words[rows]),
        ),
        query=Query(
            by_step(dialogues.act[rows]), np.full([*places.shape, num_chips], -1, np.int32)
        ),
    )


def _check_words(attribute_words: Mapping[str, Sequence[str]]) -> None:
    if not isinstance(attribute_words, Mapping) or not attribute_words:
        raise ValueError(f"attribute_words must be lists by name, got {shown(attribute_words)}")
    for name, words in attribute_words.items():
        check_different(f"attribute_words[{name!r}]", words)


def _named(
    words: np.ndarray, vocabulary: Vocabulary, attribute_words: Mapping[str, Sequence[str]]
) -> np.ndarray:
    """True where words int [U, L] name an attribute, bool [U, A]."""
    is_named = np.zeros([len(words), len(attribute_words)], bool)
    for column, names in enumerate(attribute_words.values()):
        ids = [vocabulary.words.index(name) + 2 for name in names if name in vocabulary.words]
        is_named[:, column] = np.isin(words, ids).any(axis=1)
    return is_named
