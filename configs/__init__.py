"""Gin files, each a runnable experiment, installed as `recsim_tf.configs`."""
