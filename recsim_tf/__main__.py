"""`python -m recsim_tf` is the command `recsim-tf`."""

from recsim_tf.command_line.cli import main

main()
