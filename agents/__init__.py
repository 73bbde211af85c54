"""TF-Agents agents for slates, installed as `recsim_tf.agents`."""

from recsim_tf import _stack

_stack.import_tf_agents()

del _stack
