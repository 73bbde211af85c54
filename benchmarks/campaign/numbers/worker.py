"""A process that meets impossible values: `python -m campaign.numbers.worker GROUP SUBJECT FIRST
EVERY`.

It prints a line of JSON before and after each case, from number FIRST on, so that its parent knows
which one crashed it or does not end.
"""

import importlib
import itertools
import json
import os
import resource
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"

# TensorFlow is imported before recsim_tf, which would settle it.
import tensorflow as tf

# More than any case needs that is taken; what asks for more is refused by the system.
_MEMORY = 16 * 2**30


def main(group: str, subject: str, first: str, every: str) -> None:
    output = os.fdopen(os.dup(1), "w", buffering=1)
    # TensorFlow and progress bars print too.
    os.dup2(2, 1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from campaign.numbers.outcomes import outcome

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    cases = importlib.import_module(f"campaign.numbers.{group}").cases(subject)
    for number, case in itertools.islice(enumerate(cases), int(first), None, int(every)):
        described = [case.subject, case.argument, case.fault, case.shown]
        print(json.dumps({"number": number, "case": described}), file=output)
        print(json.dumps({"outcome": outcome(case)}), file=output)


if __name__ == "__main__":
    main(*sys.argv[1:])
