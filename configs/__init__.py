# SPDX-License-Identifier: Apache-2.0
"""Gin files, each a runnable experiment, installed as `recsim_tf.configs`."""
