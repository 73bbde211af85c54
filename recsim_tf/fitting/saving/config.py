"""The gin configuration that builds a saved simulator, kept apart from the caller's."""

import contextlib
from collections.abc import Iterator, Sequence

import gin

# Imported for the names of the environments in gin text.
from recsim_tf import registry  # noqa: F401
from recsim_tf.core.simulator import Simulator
from recsim_tf.errors import one_line
from recsim_tf.gin_scope import keep_what_was_called, own_configuration
from recsim_tf.gin_trust import Allowed, admit

# What the simulator of a stranger's model may be made of. Nothing of it reads or writes a file.
_ROOMS = (
    "recsim_tf.choice",
    "recsim_tf.core",
    "recsim_tf.dynamics",
    "recsim_tf.environments",
    "recsim_tf.fitting.saving.config",
    "recsim_tf.language",
    "recsim_tf.registry",
)


@gin.configurable(module="recsim_tf.fitting")
def saved_model(simulator: Simulator = gin.REQUIRED) -> Simulator:
    """What a saved configuration builds; it binds `saved_model.simulator`."""
    return simulator


def needed_config(config: str, build: str) -> str:
    """The part of a configuration that builds a simulator, as gin text: what is bound for anything
    else is left out.

    The text binds `saved_model.simulator` to the builder and imports the modules that define what
    it names.

    Args:
      config: gin text.
      build: the builder's gin name, such as "interest_evolution", or a reference to it, such as
        "@interest_evolution()".

    Raises:
      ValueError: if gin cannot read or build it, or if it names something that is defined in a
        script.
    """
    reference = build if build.startswith(("@", "%")) else f"@{build}()"
    with own_configuration():
        _parse(config, "config")
        _parse(f"saved_model.simulator = {reference}", f"build={build!r}")
        _built("config")
        named = keep_what_was_called()
        modules = {
            gin.get_configurable(selector).__module__: selector for selector in sorted(named)
        }
        if "__main__" in modules:
            raise ValueError(
                f"{modules['__main__']} is defined in a script, which nobody else can import: move"
                " it into a module"
            )
        _parse(
            "\n".join(
                f"import {module}"
                for module in sorted(modules)
                if module.split(".")[0] not in ("gin", "recsim_tf")
            ),
            "config",
        )
        return gin.config_str()


def build_simulator(config: str, source: str) -> Simulator:
    """Builds the simulator of a configuration from `needed_config`; the caller's configuration has
    no part in it and stays as it is.

    It imports the modules and calls the configurables that the text names, and runs nothing else.
    Not for several threads at once, as gin.

    Args:
      config: gin text.
      source: what it is, for errors.

    Raises:
      ValueError: if a module cannot be imported, a name is unknown, or the models do not take what
        is bound.
    """
    with own_configuration():
        _parse(config, source)
        return _built(source)


def admit_config(config: str, path: str, trusted: Sequence[str]) -> None:
    """Requires the configuration of a model that somebody else may have made to name only what
    models are made of, in recsim_tf and in modules that the caller trusts. These are imported.

    Args:
      config: gin text.
      path: of its file, for errors.
      trusted: names of modules.

    Raises:
      ValueError: with the line, what is refused, and what to pass to trust it.
    """
    allowed = Allowed(_ROOMS, _ROOMS, ("gin.singleton",), trusted)
    with own_configuration():
        admit(config, path, allowed, lambda: _told(path))


def imported_modules(config: str) -> list[str]:
    """The modules that gin text from `needed_config` imports."""
    return [
        line.split()[1]
        for line in config.splitlines()
        if line.startswith(("import ", "from ")) and "__gin__" not in line
    ]


def _parse(config: str, source: str) -> None:
    with _told(source):
        gin.parse_config(config)


@contextlib.contextmanager
def _told(source: str) -> Iterator[None]:
    """Tells an error of gin, or of a module that it imports, in one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{source} needs a module that must be installed or put on the path: {_reason(error)}"
        ) from error
    except (Exception, SystemExit) as error:  # A module can raise anything.
        raise ValueError(f"{source} cannot be read: {_reason(error)}") from error


def _built(source: str) -> Simulator:
    try:
        simulator = saved_model()
    except (Exception, SystemExit) as error:  # The constructors of models can raise anything.
        raise ValueError(f"{source} does not build a simulator: {_reason(error)}") from error
    if not isinstance(simulator, Simulator):
        raise ValueError(f"{source} must build a Simulator, got {type(simulator).__name__}")
    return simulator


def _reason(error: BaseException) -> str:
    # The text of a saved model has no lines that its user knows.
    reason = one_line(error).partition(" In bindings string line")[0]
    return reason or type(error).__name__
