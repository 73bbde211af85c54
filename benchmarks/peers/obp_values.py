"""Values that obp 0.5.7 gives for a log of slates, in a process of an interpreter that has it.

    python obp_values.py --path=LOG.npz

The file holds the feedback that `recsim_tf.logs.to_obp` gives. The values are mean rewards of a
slate, printed as JSON.
"""

import argparse
import json
import sys

import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--path", required=True)
    feedback = dict(np.load(parser.parse_args().path))
    try:
        from obp import ope
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(3)
    slate_size = int(feedback["position"].max()) + 1
    common = {name: feedback[name] for name in ("slate_id", "reward", "position")}
    values = {}
    for name, estimator, pscore in (
        ("ips", ope.SlateStandardIPS(len_list=slate_size), "pscore"),
        ("iips", ope.SlateIndependentIPS(len_list=slate_size), "pscore_item_position"),
        ("rips", ope.SlateRewardInteractionIPS(len_list=slate_size), "pscore_cascade"),
    ):
        scores = {field: feedback[field] for field in (pscore, f"evaluation_policy_{pscore}")}
        values[name] = float(estimator.estimate_policy_value(**common, **scores))
    print(json.dumps(values))


if __name__ == "__main__":
    main()
