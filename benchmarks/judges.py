# SPDX-License-Identifier: Apache-2.0
"""Judges of other projects: their checkers, their learners and their test files.

    python benchmarks/judges.py [JUDGE ...] [--obp_repo=FOLDER] [--cleanrl_repo=FOLDER]
        [--purejaxrl_repo=FOLDER] [--jax_python=PYTHON] [--json=PATH] [--quick]

`make judges` creates an environment that has the judges that registries have, and asks all of them.
The folders are clones of three repositories, for the files that registries lack: obp's tests,
CleanRL's `ppo.py`, and PureJaxRL's `dqn.py` and `ppo.py`. PYTHON is of an environment with
benchmarks/judging/trainers.txt, for rejax and PureJaxRL. A judge that is missing says why. The exit
status is 1 where one disagrees.
docs/reports/judges.md says what each of them looks at.
"""

from collections.abc import Sequence

import commands
import sections
from absl import app, flags
from judging import verdicts

_FLAGS = flags.FLAGS
_JUDGES = {
    "gymnasium": "judging.checkers.by_gymnasium",
    "sb3": "judging.checkers.by_stable_baselines3",
    "tf_agents": "judging.tf_agents.validate",
    "agents": "judging.agents.train",
    "files": "judging.files.read_back",
    "obp": "judging.obp.measure",
    "recsim": "judging.recsim.measure",
    "skdr_eval": "judging.skdr_eval.measure",
    "rejax": "judging.trainers_in_jax.by_rejax",
    "purejaxrl": "judging.trainers_in_jax.by_purejaxrl",
}


def main(argv: Sequence[str]) -> int:
    names = sections.chosen(argv, tuple(_JUDGES))
    settings = verdicts.Settings(
        _FLAGS.quick,
        verdicts.in_clone("obp_repo", _FLAGS.obp_repo, "tests/ope"),
        verdicts.in_clone("cleanrl_repo", _FLAGS.cleanrl_repo, "cleanrl/ppo.py"),
        verdicts.in_clone("purejaxrl_repo", _FLAGS.purejaxrl_repo, "purejaxrl"),
        _FLAGS.jax_python,
    )
    results = sections.report("judges", names, _JUDGES, settings)
    print("", verdicts.table(results.values()), sep="\n")
    return int(any(each.details["faults"] for each in results.values()))


if __name__ == "__main__":
    commands.define_flags("One environment and few steps.")
    flags.DEFINE_string("obp_repo", None, "A clone of st-tech/zr-obp, for its tests.")
    flags.DEFINE_string("cleanrl_repo", None, "A clone of vwxyzjn/cleanrl, for its ppo.py.")
    flags.DEFINE_string(
        "purejaxrl_repo", None, "A clone of luchris429/purejaxrl, for dqn.py and ppo.py."
    )
    flags.DEFINE_string("jax_python", None, "A Python interpreter that has rejax and gymnax.")
    app.run(main)
