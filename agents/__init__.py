"""TF-Agents agents for slates, installed as `recsim_tf.agents`."""

import recsim_tf  # Settles the Keras generation.
from recsim_tf import _stack

_stack.check_keras_of_imports()

del recsim_tf, _stack
