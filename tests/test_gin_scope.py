import gin
import pytest

import recsim_tf
from recsim_tf.gin_scope import own_configuration

SLATE_SIZE = "interest_evolution.slate_size"


def _singleton():
    return gin.get_bindings("make")["environment_id"]


@pytest.fixture
def _configured():
    recsim_tf.interest_evolution  # noqa: B018 - its names are registered with it
    gin.parse_config(
        f"{SLATE_SIZE} = 2\nmake.environment_id = @shared/singleton()\n"
        "shared/singleton.constructor = @interest_evolution"
    )


@pytest.mark.usefixtures("_configured")
def test_an_own_configuration_begins_empty_and_ends_with_the_callers():
    own, before = _singleton(), gin.config_str()
    with own_configuration():
        assert gin.config_str().strip() == ""
        assert recsim_tf.interest_evolution().slate_size == 3
        gin.bind_parameter(SLATE_SIZE, 5)
    assert gin.config_str() == before
    assert _singleton() is own
