from tests.benchmarks.runs import quick_run


def test_a_quick_run_finds_each_bad_file_told_in_one_line(tmp_path):
    content, printed = quick_run(tmp_path, "faults.py", "files")
    figures = content["figures"]
    assert figures["files.inputs"] > 80
    assert [figures[f"files.{name}"] for name in ("tracebacks", "silent", "hangs")] == [0, 0, 0]
    assert figures["files.peak_memory_mib"] < 4096
    for kind in ("episode log: cut", "table: value", "binding", "run: trials.json", "checkpoint,"):
        assert kind in printed
