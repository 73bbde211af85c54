import pytest

from recsim_tf.experiment import config
from recsim_tf.experiment.config_files import find_config, packaged_configs
from recsim_tf.experiment.sweeps import run  # noqa: F401 - for the names of sweeps
from recsim_tf.support.errors import UsageError
from tests.experiment.tiny_runs import TINY


def test_a_config_is_found_by_path_and_by_name():
    assert str(find_config(TINY)) == TINY
    assert find_config("quickstart.gin").is_file()
    with pytest.raises(UsageError, match=r"gin_file 'nowhere.gin' is neither .*quickstart.gin"):
        config.load(["nowhere.gin"], [])


def test_every_packaged_config_parses_and_logs_nothing(caplog):
    for name in packaged_configs():
        assert config.load([name], [])
    assert not caplog.records


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("nothing.at_all = 1", "nothing is unknown; import the module that defines it"),
        ("train.num_iteration = 1", "train has no parameter num_iteration; did you mean num_iter"),
    ],
)
def test_a_binding_that_gin_refuses_is_one_line(binding, message):
    with pytest.raises(UsageError) as caught:
        config.load([TINY], [binding])
    assert str(caught.value).startswith(f"binding {binding!r}: {message}")
    assert "\n" not in str(caught.value)
