"""The gin configuration that builds a saved simulator, kept apart from the caller's."""

import gin

# Imported for the names of the environments in gin text.
from recsim_tf import registry  # noqa: F401
from recsim_tf.core.simulator import Simulator
from recsim_tf.errors import one_line
from recsim_tf.gin_scope import keep_what_was_called, own_configuration


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


def imported_modules(config: str) -> list[str]:
    """The modules that gin text from `needed_config` imports."""
    return [
        line.split()[1]
        for line in config.splitlines()
        if line.startswith(("import ", "from ")) and "__gin__" not in line
    ]


def _parse(config: str, source: str) -> None:
    try:
        gin.parse_config(config)
    except ImportError as error:
        raise ValueError(
            f"{source} needs a module that must be installed or put on the path: {_reason(error)}"
        ) from error
    except (ValueError, SyntaxError, NameError, AttributeError, KeyError, OSError) as error:
        imports = "".join(f", {module}" for module in imported_modules(config))
        raise ValueError(
            f"{source} cannot be read with recsim_tf{imports}: {_reason(error)}"
        ) from error


def _built(source: str) -> Simulator:
    try:
        simulator = saved_model()
    except Exception as error:  # The constructors of models can raise anything.
        raise ValueError(f"{source} does not build a simulator: {_reason(error)}") from error
    if not isinstance(simulator, Simulator):
        raise ValueError(f"{source} must build a Simulator, got {type(simulator).__name__}")
    return simulator


def _reason(error: BaseException) -> str:
    # The text of a saved model has no lines that its user knows.
    return one_line(error).partition(" In bindings string line")[0]
