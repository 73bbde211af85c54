"""Imports TF-Agents, when it is imported itself.

TF-Agents imports `gym` in a file that nothing here uses. While it is imported an empty module takes
the place of `gym`, which need not be installed then, and cannot write its complaints.
"""

import importlib
import sys
import types
import warnings


def _import_tf_agents() -> None:
    """Imports TF-Agents.

    Raises:
      ModuleNotFoundError: if TF-Agents is not installed, in one line.
    """
    with warnings.catch_warnings():
        # Python warns when it compiles the files for the first time.
        warnings.simplefilter("ignore")
        installed = sys.modules.get("gym")
        if installed is None:
            sys.modules["gym"] = types.ModuleType("gym")
        try:
            for module in ("tf_agents", "tf_agents.environments"):
                importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != "tf_agents":
                raise
            raise ModuleNotFoundError(
                "recsim_tf.agents needs TF-Agents: pip install --no-deps tf-agents==0.19.0",
                name=error.name,
            ) from error
        finally:
            if installed is None:
                del sys.modules["gym"]


_import_tf_agents()
