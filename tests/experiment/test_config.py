import re

import gin
import pytest

from recsim_tf.experiment import config, config_faults
from recsim_tf.experiment.runs.errors import UsageError

# Imported for the names of sweeps.
from recsim_tf.experiment.sweeps import run  # noqa: F401
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


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("train.strategy = 'mirrored'", "train.strategy is now devices.strategy"),
        ("recsim_tf.train.strategy = 'mirrored'", "train.strategy is now devices.strategy"),
        ("scope/cluster.logical_cpus = 2", "cluster is now devices"),
        ("experiment.create_agent = @create_baseline", "create_baseline is now simulate.policies"),
        ("experiment.layers = [@a/cluster()]", "cluster is now devices"),
    ],
)
def test_a_name_of_an_earlier_version_is_refused_with_the_new_one(binding, message):
    with pytest.raises(UsageError, match=f"^gin configuration: {message}") as caught:
        config.load([TINY], [binding])
    assert "\n" not in str(caught.value)


def test_names_of_earlier_versions_are_unknown_and_their_replacements_known():
    for old, new in config_faults.RENAMED.items():
        for name, known in ((old, False), (new.split(",")[0], True)):
            selector, _, parameter = name.partition(".")
            if " " in name:
                continue
            binding = f"{name} = None" if parameter else f"experiment.layers = [@{selector}]"
            if known:
                gin.parse_config(binding)
            else:
                with pytest.raises(
                    UsageError, match=f"^gin configuration: {re.escape(old)} is now"
                ):
                    config.load([TINY], [binding])


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("SlateQNetwork.hidden_units = 'a'", "must be a tuple, got 'a'"),
        ("SlateQNetwork.hidden_units = (2.5,)", r"hidden_units\[0\] must be an integer, got 2.5"),
        ("SlateQAgent.seed = 'a'", "must be an integer .* got 'a'"),
        ("SlateQAgent.optimizer = @SGD", r"got the class SGD: write @SGD\(\) with parentheses"),
        ("SlateQAgent.optimizer = @MultinomialLogit()", "which gives a MultinomialLogit"),
        ("Adam.learning_rate = None", "must be a number or a tuple, got None"),
        ("Normal.scale = 'wide'", "must be a number or a tuple, got 'wide'"),
        ("InterestEvolutionUsers.time_budget = True", "must be a number or a tuple, got True"),
        ("InterestEvolutionUsers.time_budget = None", "must be a number or a tuple, got None"),
        ("TopicDocuments.quality_loc = ('a',)", r"quality_loc\[0\] must be a number"),
        ("ClickBandit.algorithm = 2.5", "ClickBandit.algorithm must be a string"),
    ],
)
def test_a_binding_of_a_wrong_type_is_told_before_anything_is_built(binding, message):
    with pytest.raises(UsageError, match=message) as raised:
        config.load([], [binding])
    assert binding.partition(" ")[0] in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "binding",
    [
        "InterestEvolutionUsers.time_budget = (100.0, 200.0)",
        "InterestEvolutionUsers.departure_temperature = None",
        "TopicDocuments.quality_loc = ((0.5, 0.5), (0.1, 0.2))",
        "Adam.learning_rate = @CosineDecay()",
        "SlateQAgent.optimizer = @Adam()",
        "LongTermSatisfactionUsers.choice_model = @MultinomialLogit()",
    ],
)
def test_bindings_of_the_right_type_pass(binding):
    config.load(
        [], [binding, "CosineDecay.initial_learning_rate = 1.0", "CosineDecay.decay_steps = 9"]
    )
