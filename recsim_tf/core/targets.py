# SPDX-License-Identifier: Apache-2.0
"""The machines that functions are traced for."""

import contextlib
import contextvars

import tensorflow as tf

TARGETS = ("gpu", "tpu")
# One of them where functions are exported, else empty.
_exported = contextvars.ContextVar("recsim_tf_exported", default="")


@contextlib.contextmanager
def for_accelerators(target: str = ""):
    """A context in which functions are traced as on a machine with an accelerator, so that a
    machine without one can export the functions.

    Args:
      target: "gpu" or "tpu". Each runs what is traced for the other, only slower. By default it is
        the target of the context around this one, or else "gpu".
    """
    token = _exported.set(target or _exported.get() or "gpu")
    try:
        yield
    finally:
        _exported.reset(token)


def only_cpu() -> bool:
    """Tells whether functions are traced for a CPU, since the machine has no GPU and no TPU."""
    return not (
        _exported.get()
        or tf.config.list_logical_devices("GPU")
        or tf.config.list_logical_devices("TPU")
    )


def for_tpu() -> bool:
    """Tells whether functions are traced for a TPU."""
    exported = _exported.get()
    return exported == "tpu" if exported else bool(tf.config.list_logical_devices("TPU"))
