# SPDX-License-Identifier: Apache-2.0
import pytest

from recsim_tf.support.plots import figure, plot, write_figure

BEGINS = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


@pytest.mark.parametrize("ending", BEGINS)
def test_a_plot_is_what_its_path_ends_in(tmp_path, ending):
    with figure(tmp_path / f"returns{ending}") as axes:
        axes.plot([1, 2])
    (path,) = tmp_path.iterdir()
    assert path.read_bytes().startswith(BEGINS[ending])


def test_a_plot_of_another_kind_is_refused_in_a_line(tmp_path):
    with (
        pytest.raises(ValueError, match=r"a plot must end in \.png, \.pdf, \.svg, got .*a\.jpg$"),
        figure(tmp_path / "a.jpg"),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_a_plot_is_a_figure_that_a_notebook_shows_and_that_pyplot_does_not_have(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    drawn = plot(lambda axes, ends: axes.plot(ends), [1, 2], size=(2, 1))
    assert isinstance(drawn, pyplot.Figure)
    assert drawn._repr_png_().startswith(BEGINS[".png"])
    assert pyplot.get_fignums() == []
    write_figure(drawn, tmp_path / "line.pdf")
    with pytest.raises(ValueError, match=r"a plot must end in \.png, \.pdf, \.svg, got .*a\.jpg$"):
        write_figure(drawn, tmp_path / "a.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["line.pdf"]
