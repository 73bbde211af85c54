# SPDX-License-Identifier: Apache-2.0
"""The entry point of `python -m recsim_tf`, which is the command `recsim-tf`."""

from recsim_tf.command_line.cli import main

main()
