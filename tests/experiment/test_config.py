import pytest

from recsim_tf.experiment import config
from recsim_tf.experiment.runs.errors import UsageError
from tests.experiment.tiny_runs import TINY


def test_quickstart_is_found_by_name():
    assert "quickstart.gin" in config.packaged_configs()
    assert config.find_config("quickstart.gin").is_file()


def test_every_packaged_config_parses():
    for name in config.packaged_configs():
        assert config.load([name], [])


def test_a_path_is_found():
    assert str(config.find_config(TINY)) == TINY


def test_unknown_file_lists_the_packaged_names():
    with pytest.raises(
        UsageError, match=r"gin_file 'nowhere.gin' is neither a file nor .*quickstart.gin"
    ):
        config.load(["nowhere.gin"], [])


@pytest.mark.parametrize(
    "binding", ["nothing.at_all = 1", "train.no_such_argument = 1", "train.num_iterations ="]
)
def test_bad_bindings_are_one_line_errors(binding):
    with pytest.raises(UsageError, match=r"^gin configuration: ") as caught:
        config.load([TINY], [binding])
    assert "\n" not in str(caught.value)


def test_the_same_bindings_give_the_same_text():
    assert config.load([TINY], ["train.num_iterations = 3"]) == config.load(
        [TINY], ["train.num_iterations = 3"]
    )
