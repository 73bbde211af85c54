import pytest

from recsim_tf.experiment.comparing.finished import read_environment
from recsim_tf.support.errors import UsageError
from tests.experiment.comparing.run_folders import ENVIRONMENT


def environment(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "operative_config.gin").write_text(f"{text}\nEvaluation.seed = 1\n")
    return read_environment(folder / "operative_config.gin")


@pytest.fixture
def usual(tmp_path):
    return environment(tmp_path / "usual", ENVIRONMENT)


def test_a_training_and_a_simulation_may_have_the_same_environment(tmp_path, usual):
    training = f"""
{ENVIRONMENT.replace("simulate", "experiment").replace("= 3", "= %size")}
import shop
size = 3
create_slate_q.name = 'SlateQ'
Adam.beta_1 = 0.9
Evaluation.num_users = 7
softmax_policy.sharpness = 3.0
"""
    other = environment(tmp_path / "training", training)
    assert usual.differences(other) == {}
    assert usual.is_like(other)
    assert not usual.is_like(other.with_seed(2))
    assert other.with_seed(None) == other


@pytest.mark.parametrize("binding", ["num_replicas = 2", "jit_compile = True"])
def test_users_who_are_drawn_otherwise_are_others_of_the_same_environment(tmp_path, usual, binding):
    other = environment(tmp_path / "other", f"{ENVIRONMENT}Evaluation.{binding}")
    assert usual.differences(other) == {}
    assert not usual.is_like(other)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("slate_size = 3", "slate_size = 4", {"interest_evolution.slate_size": ("3", "4")}),
        ("@interest_evolution()", "@news()", {"simulator": ("@interest_evolution()", "@news()")}),
        ("max_steps = 20", "max_steps = 30", {"Evaluation.max_steps": ("20", "30")}),
        (
            "time_budget = 200.0",
            "alpha_x_intercept = 1.0",
            {
                "InterestEvolutionUsers.alpha_x_intercept": ("not bound", "1.0"),
                "InterestEvolutionUsers.time_budget": ("200.0", "not bound"),
            },
        ),
        # What only one of them has used follows from another difference.
        ("InterestEvolutionUsers.time_budget = 200.0", "ShopUsers.budget = 1.0", {}),
    ],
)
def test_bindings_of_the_environment_differ(tmp_path, usual, old, new, expected):
    assert old in ENVIRONMENT
    other = environment(tmp_path / "other", ENVIRONMENT.replace(old, new))
    assert usual.differences(other) == expected
    assert usual.is_like(other) == (not expected)


def test_what_only_modules_of_the_user_define_belongs_to_the_environment(tmp_path):
    first, second = (
        environment(tmp_path / name, f"{ENVIRONMENT}tuned/ShopUsers.budget = {name}")
        for name in ("1", "2")
    )
    assert first.differences(second) == {"tuned/ShopUsers.budget": ("1", "2")}


def test_an_environment_that_was_made_in_python_is_like_no_other(tmp_path):
    first, second = (environment(tmp_path / name, "") for name in ("first", "second"))
    assert first.is_like(first)
    assert list(first.differences(second)) == ["simulator"]


def test_a_configuration_that_cannot_be_read_is_told_with_its_line(tmp_path):
    with pytest.raises(UsageError, match=r"operative_config.gin, line \d"):
        environment(tmp_path / "damaged", "interest_evolution.slate_size = @")
