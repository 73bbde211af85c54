# SPDX-License-Identifier: Apache-2.0
"""The import of TF-Agents, which an import of this module does.

TF-Agents imports `gym` in a file that recsim_tf does not use. During the import an empty module
replaces `gym`, so `gym`, which the extra `agents` installs, cannot print its complaints.
"""

import importlib
import sys
import types
import warnings


def _import_tf_agents() -> None:
    """Imports TF-Agents. Raises a ModuleNotFoundError if TF-Agents is not installed; the message is
    one line.
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
