import gin
import pytest

import recsim_tf
from recsim_tf.gin_scope import bound, own_configuration

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
def test_other_values_hold_inside_and_leave_nothing_behind():
    own = _singleton()
    gin.finalize()
    before = gin.config_str(), gin.operative_config_str(), gin.config_is_locked()
    with bound({SLATE_SIZE: 4}):
        assert recsim_tf.interest_evolution().slate_size == _singleton().slate_size == 4
    assert (gin.config_str(), gin.operative_config_str(), gin.config_is_locked()) == before
    assert recsim_tf.interest_evolution().slate_size == 2
    assert _singleton() is own


@pytest.mark.usefixtures("_configured")
def test_an_unknown_name_is_refused_and_leaves_nothing_behind():
    before = gin.config_str()
    with pytest.raises(ValueError, match="nothing"), bound({SLATE_SIZE: 4, "nothing.x": 1}):
        pass
    assert gin.config_str() == before


@pytest.mark.usefixtures("_configured")
def test_an_own_configuration_begins_empty_and_ends_with_the_callers():
    own, before = _singleton(), gin.config_str()
    with own_configuration():
        assert gin.config_str().strip() == ""
        assert recsim_tf.interest_evolution().slate_size == 3
        gin.bind_parameter(SLATE_SIZE, 5)
    assert gin.config_str() == before
    assert _singleton() is own
