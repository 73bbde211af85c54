"""The dialogues of IARD for the sections that read them."""

import numpy as np
from conversations.common import Settings

from recsim_tf.environments.conversation import Act
from recsim_tf.fitting.logs import INTENTS, AnnotatedDialogues, read_iard

_ACTS = np.array([Act.ENDORSE, Act.RECOMMEND, Act.ASK, Act.RESPOND], np.int32)
_NUM_DIALOGUES, _NUM_REPLIES = 40, 8


def dialogues(settings: Settings) -> AnnotatedDialogues:
    """Those of the file `settings.path`; without it, for a smoke run, made-up ones."""
    if settings.path:
        return read_iard(settings.path)
    if not settings.quick:
        raise ValueError("--path must name the file of IARD, see docs/language.md, got none")
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
