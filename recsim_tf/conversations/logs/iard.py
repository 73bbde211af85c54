"""IARD: dialogues about films whose utterances are labelled by intent and action."""

import html
import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.conversations import Act
from recsim_tf.core.ranges import Range
from recsim_tf.errors import one_line

# Of seekers, and the codes of the data set that they stand for (Cai & Chen 2020, table 2).
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
# A film is written as "@12345 <Title (1999)>" or "@12345".
_FILM = re.compile(r"@\d+(\s*<[^>]*>)?|<[^>]*>")


class AnnotatedDialogues(NamedTuple):
    """U utterances of seekers that follow one of the recommender, in D dialogues."""

    dialogue: np.ndarray  # int32 [U], positions in dialogue_ids; the utterances stand in order
    dialogue_ids: tuple[str, ...]  # D of them, sorted
    act: np.ndarray  # int32 [U], the `conversation.Act` of the recommender's last utterance
    # int32 [U], in how many utterances the recommender has recommended films so far
    num_offers: np.ndarray
    intents: np.ndarray  # bool [U, I], by `INTENTS`; an utterance may have several
    texts: np.ndarray  # [U], Python strings, with "film" in the place of each film's name

    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """Each label of an utterance by itself: the utterance int [M] and the intent int [M]."""
        utterance, intent = np.nonzero(self.intents)
        return utterance, intent

    def split(
        self, held_out: float = 0.2, seed: int = 0
    ) -> tuple["AnnotatedDialogues", "AnnotatedDialogues"]:
        """Two parts of whole dialogues, the second with about that part of them, in (0, 1)."""
        Range(above=0, below=1).check_number("held_out", held_out)
        num_dialogues = len(self.dialogue_ids)
        order = np.random.default_rng(seed).permutation(num_dialogues)
        is_held_out = np.isin(self.dialogue, order[: round(held_out * num_dialogues)])
        return self._take(~is_held_out), self._take(is_held_out)

    def _take(self, rows: np.ndarray) -> "AnnotatedDialogues":
        arrays = ("dialogue", "act", "num_offers", "intents", "texts")
        return self._replace(**{name: getattr(self, name)[rows] for name in arrays})


def read_iard(path: str | os.PathLike) -> AnnotatedDialogues:
    """Reads the data set IARD (Cai and Chen 2020, "Predicting user intents and satisfaction with
    dialogue-based conversational recommendations", UMAP; for research, cite them;
    github.com/wanlingcai1997/umap_2020_IARD), a JSON file of dialogues of ReDial (Li et al. 2018,
    arXiv 1812.07617).

    What the recommender does is taken for one act: ENDORSE where it explains a film, RECOMMEND
    where it names one without an explanation, ASK where it requests or clarifies, and RESPOND else.

    Args:
      path: the file.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it is no JSON, has no dialogues, or one lacks a field, with its dialogue.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON file: {one_line(error)}") from error
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{path} must hold dialogues by id, got {type(content).__name__}")
    ids = sorted(content)
    rows: list[tuple[int, int, int, list[int], str]] = []
    for number, name in enumerate(ids):
        act, num_offers = None, 0
        for utterance in _utterances(content[name], f"{path}, dialogue {name}"):
            if utterance.is_seeker:
                if act is not None:
                    unknown = [code for code in utterance.codes if code not in _INTENT_OF_CODE]
                    if unknown:
                        raise ValueError(
                            f"{path}, dialogue {name} must have known intents, got {unknown}"
                        )
                    codes = [_INTENT_OF_CODE[code] for code in utterance.codes]
                    rows.append((number, act, num_offers, codes, utterance.text))
            else:
                act = _act(utterance.codes)
                num_offers += any(code.startswith("REC-") for code in utterance.codes)
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
    is_seeker: bool
    codes: list[str]
    text: str


def _utterances(dialogue: Any, where: str) -> list[_Utterance]:
    try:
        found = sorted(dialogue["dialogue_info"].values(), key=lambda each: each["utterance_pos"])
        return [
            _Utterance(
                each["role"] == "seeker",
                each["sub-intent/action"],
                _FILM.sub(" film ", html.unescape(each["utterance_text"])),
            )
            for each in found
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{where} must have the fields of IARD: {one_line(error)}") from error


def _act(codes: list[str]) -> int:
    kinds = {code.partition("-")[0] for code in codes}
    if "EXP" in kinds:
        return int(Act.ENDORSE)
    if "REC" in kinds:
        return int(Act.RECOMMEND)
    return int(Act.ASK if kinds & {"REQ", "CLQ"} else Act.RESPOND)
