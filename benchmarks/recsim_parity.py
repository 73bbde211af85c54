"""Sessions under fixed policies beside what RecSim 0.2.4 gave, in standard errors.

    python benchmarks/recsim_parity.py [--json=PATH] [--quick]

RecSim's means are of 1,000 episodes (interest evolution), 2,000 (interest exploration) and 1,500
(long-term satisfaction) of its own.
"""

from typing import Any

import commands
import recsim_reference
from absl import flags, logging

from recsim_tf.support.tables import text_table

_FLAGS = flags.FLAGS
commands.define_flags(quick="A smoke run with few users.")
flags.DEFINE_integer("seed", 1, "Seed of the sessions.")

_NUM_USERS = {False: 20_000, True: 500}


def benchmark(quick: bool, seed: int) -> dict[str, Any]:
    """The figures by name: environment/slate size/policy/metric."""
    figures = {}
    for case in recsim_reference.CASES:
        for comparison in recsim_reference.compare(case, _NUM_USERS[quick], seed):
            name = f"{case.environment}/{case.slate_size}/{case.policy_name}/{comparison.metric}"
            figures[name] = {
                "recsim": comparison.reference.value,
                "ours": comparison.ours,
                "standard_error": comparison.standard_error,
                "deviation": comparison.deviation,
            }
    return {
        "benchmark": "recsim_parity",
        "quick": quick,
        "users": _NUM_USERS[quick],
        "seed": seed,
        "figures": figures,
    }


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    heads = ("RecSim", "ours", "± s.e.", "difference")
    rows = [("environment", "slate", "policy", "metric", *heads)]
    for name, figure in result["figures"].items():
        cells = (
            f"{figure['recsim']:.4g}",
            f"{figure['ours']:.4g}",
            f"{figure['standard_error']:.2g}",
            f"{figure['deviation']:+.1f} s.e.",
        )
        rows.append((*name.split("/"), *cells))
    worst = max(abs(figure["deviation"]) for figure in result["figures"].values())
    beyond = sum(abs(figure["deviation"]) > 4 for figure in result["figures"].values())
    return (
        f"{text_table(rows, left=(0, 2, 3))}\n"
        f"{result['users']:,} users a row. Largest difference {worst:.1f} standard errors; {beyond}"
        f" of {len(result['figures'])} beyond 4."
    )


def main() -> None:
    # Every case is compiled once, which TensorFlow takes for retracing.
    logging.set_verbosity(logging.ERROR)
    result = benchmark(_FLAGS.quick, _FLAGS.seed)
    commands.finish(["python benchmarks/recsim_parity.py --json=PATH"], result, table(result))


if __name__ == "__main__":
    commands.run(main)
