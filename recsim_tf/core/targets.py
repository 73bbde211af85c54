"""The machines that functions are traced for."""

import contextlib
import contextvars

import tensorflow as tf

_for_accelerators = contextvars.ContextVar("recsim_tf_for_accelerators", default=False)


@contextlib.contextmanager
def for_accelerators():
    """A context in which functions are traced as on a machine with a GPU or a TPU, so that a
    machine without them can export the functions.
    """
    token = _for_accelerators.set(True)
    try:
        yield
    finally:
        _for_accelerators.reset(token)


def only_cpu() -> bool:
    """Tells whether functions are traced for a CPU, since the machine has no GPU and no TPU."""
    return not (
        _for_accelerators.get()
        or tf.config.list_logical_devices("GPU")
        or tf.config.list_logical_devices("TPU")
    )
