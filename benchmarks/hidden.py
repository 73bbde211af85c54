"""Hidden states and policies that remember.

    python benchmarks/hidden.py [SECTION ...] [--seed=0] [--json=PATH] [--quick]

latent: users whose intent was not logged, see `hidden_states/latent.py`.
memory: recurrent policies, and SlateQ with a memory, see `hidden_states/memory.py`.
soft_attributes: ratings, tags and critiques, see `hidden_states/soft_attributes.py`.

Without a section, all of them.
"""

import commands
import sections
from absl import app, flags

_FLAGS = flags.FLAGS
# The figures of a section begin with its name.
_SECTIONS = {
    name: f"hidden_states.{name}.measure" for name in ("latent", "memory", "soft_attributes")
}


def main(argv: list[str]) -> None:
    names = sections.chosen(argv, list(_SECTIONS))
    settings = sections.Settings(_FLAGS.quick, _FLAGS.seed)
    sections.report("hidden", names, _SECTIONS, settings)


if __name__ == "__main__":
    commands.define_flags(quick="Few users and iterations; the figures mean nothing.", seed=True)
    app.run(main)
