"""`python -m recsim_tf` is the command `recsim-tf`."""

from recsim_tf.cli import main

main()
