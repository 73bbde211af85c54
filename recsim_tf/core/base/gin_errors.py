# SPDX-License-Identifier: Apache-2.0
"""Errors that come through functions and classes which gin configures.

gin adds the calls that an error came through to its message, for everybody who calls recsim_tf.
Here these words are notes of the error, which Python shows below it, and only where gin has
bindings. The message stays one line, and the error keeps its type and its fields.
"""

from typing import NoReturn

import gin
from gin import utils

_OF_CALLS = "In call to configurable"
_raise_with_message = utils.augment_exception_message_and_reraise


def keep_messages() -> None:
    """Lets gin add notes to errors, in place of words to their messages."""
    utils.augment_exception_message_and_reraise = _raise_with_note


def _raise_with_note(exception: Exception, words: str) -> NoReturn:
    if _OF_CALLS not in words:  # They are the place of a binding that gin cannot read.
        _raise_with_message(exception, words)
    if gin.config_str().strip():
        exception.add_note(words.strip())
    raise exception
