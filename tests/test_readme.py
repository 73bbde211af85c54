import pathlib
import re

from tests.processes import run_python

_README = pathlib.Path(__file__).parent.parent / "README.md"


def test_the_example_environment_runs_as_pasted(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", _README.read_text(), re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(example)
    process = run_python(str(script))
    assert process.returncode == 0, process.stderr
    clicks, log_likelihood = (
        float(line.split()[-1]) for line in process.stdout.strip().splitlines()[-2:]
    )
    assert clicks > 1
    assert log_likelihood < 0
