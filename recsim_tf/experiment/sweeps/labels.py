"""Names of variants, for folders, tables and plots."""

import hashlib
import re
from typing import Any

from recsim_tf.experiment.sweeps.spaces import Bindings

# File systems take 255 bytes.
_LONGEST = 120
_WITHOUT_BINDINGS = "base"


def variant_label(bindings: Bindings, short: dict[str, str]) -> str:
    """A name of a variant that is safe for file systems, such as "target=sarsa,num_candidates=20".

    Args:
      bindings: of the variant.
      short: of `short_names`.
    """
    label = (
        ",".join(
            f"{_safe(short[name])}={_safe(value_text(value))}" for name, value in bindings.items()
        )
        or _WITHOUT_BINDINGS
    )
    if len(label) <= _LONGEST:
        return label
    digest = hashlib.sha256(repr(bindings).encode()).hexdigest()[:8]
    return f"{label[: _LONGEST - 9]}~{digest}"


def value_text(value: Any) -> str:
    """A value for a person: strings without quotes, sequences joined by "-"."""
    if isinstance(value, (tuple, list)):
        return "-".join(value_text(part) for part in value) or "none"
    return value if isinstance(value, str) else repr(value)


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip("_") or "_"
