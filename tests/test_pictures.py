"""Pictures of the benchmarks can be read; tables fit a screen; logs say how far a run is."""

from __future__ import annotations

import ast
from ast import keyword
from collections.abc import Callable
from io import StringIO
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from benchmarks import compare, engine_growth, growth, tables
from benchmarks.core import Row, read_rows
from benchmarks.figures import trees, widths
from benchmarks.progress import tracked

RESULTS = Path(compare.__file__).parent / "results"
EXAMPLES = RESULTS.parents[1] / "examples"
SCREEN = 400


def compared(folder: Path) -> None:
    compare._plot(
        compare.pairs(*(read_rows(RESULTS / f"{x}.jsonl") for x in ("ours", "peer"))), folder
    )


def some(name: str, sweeps: set[str]) -> list[Row]:
    return [row for row in read_rows(RESULTS / f"{name}.jsonl") if row["sweep"] in sweeps]


def drawn_trees(folder: Path) -> None:
    curve = [trees.Measured(0.9 + n / 100, 0.9, n, 2.0**n) for n in trees._CURVE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "_PICTURE", folder / "trees.svg")
        trees._draw({"DT5": curve, "RF50x4": curve[::-1]})


def drawn_widths(folder: Path) -> None:
    curve = [widths.Point(0.9 + n / 100, 2.0**n) for n in range(4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(widths, "_PICTURE", folder / "widths.png")
        widths._draw(0.92, {3: curve, 4: curve[::-1]}, curve[:1])


DRAWN = {
    "compare": compared,
    "growth": lambda folder: growth._draw(some("growth", {"features", "n_bits"}), folder / "a.png"),
    "engine_growth": lambda folder: engine_growth._draw(
        some("engine_growth", {"samples", "classes"}), folder / "b.png"
    ),
    "trees": drawn_trees,
    "widths": drawn_widths,
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_pictures_can_be_read(
    draw: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    draw(tmp_path)
    assert figures
    for figure in figures:
        figure.draw_without_rendering()
        (legend,) = figure.legends
        named = legend.get_window_extent()
        for axes in (axes for axes in figure.axes if axes.get_visible()):
            sharing = axes.get_shared_y_axes().get_siblings(axes)
            for label in (axes.get_xlabel(), *{x.get_ylabel() for x in sharing} - {""}):
                assert label.startswith("number of") or ", " in label  # has a unit
            assert any(x.get_ylabel() for x in sharing)
            assert not named.overlaps(axes.get_window_extent())
            whole = axes.get_tightbbox()
            assert whole is not None
            assert figure.bbox.padded(1).x0 < whole.x0 < whole.x1 < figure.bbox.padded(1).x1
            curves = [line for line in axes.lines if line.get_marker() not in ("None", "")]
            for a, b in combinations(curves, 2):
                assert a.get_marker() != b.get_marker()
                assert a.get_color() != b.get_color()
            ticks = [label for label in axes.get_xticklabels() if label.get_text()]
            boxes = [label.get_window_extent() for label in ticks]
            assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
            # letters of 8 pixels and more on a telephone
            assert (
                min(float(x.get_fontsize()) for x in ticks) / 72 * SCREEN / figure.get_figwidth()
                > 8
            )


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("plot_*.py")), ids=lambda path: path.stem)
def test_pictures_of_the_gallery_can_be_read_on_a_telephone(script: Path) -> None:
    keywords = [
        node for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, keyword)
    ]
    widths = [ast.literal_eval(each.value)[0] for each in keywords if each.arg == "figsize"]
    assert all(
        10 / 72 * SCREEN / width > 8 for width in widths
    )  # matplotlib's letters have 10 points
    assert len(widths) == script.read_text().count("plt.subplots(")


def test_kept_rows_are_those_of_the_pages() -> None:
    pages = tables.DOCS / "benchmarks"
    engines = set((pages / "engines.md").read_text().splitlines())
    rows = read_rows(RESULTS / "engine_growth.jsonl")
    assert engines.issuperset([*tables.markdown([], engine_growth._cells(rows))][2:])
    table = (pages / "growth_table.md").read_text()
    for grows, model, seconds, law, *_ in growth._cells(read_rows(RESULTS / "growth.jsonl")):
        assert f"| {grows} | {model} | {seconds} |" in table, law


def test_a_log_has_a_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[int] = []
    for number in tracked([3, 5], lambda x: f"row {x}"):
        assert capsys.readouterr().err.count("\n") == len(seen[:1])  # at once, not in the end
        seen.append(number)
    (line,) = capsys.readouterr().err.splitlines()
    assert seen == [3, 5]
    assert line.startswith("2 of 2, row 5: 0.0 s, 0:00:00 since")


def test_a_terminal_has_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    screen = StringIO()
    console = Console(file=screen, force_terminal=True)
    assert list(tracked([1, 2], console=console)) == [1, 2]
    assert "measuring" in screen.getvalue()
    assert capsys.readouterr().err == ""


def test_tables_fit_80_columns_and_keep_all_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    head = ["data", "model", *(f"seconds of stage {i}" for i in range(9))]
    cells = [["breast_cancer", name, *(f"{i}.23456789" for i in range(9))] for name in ("A", "B")]
    tables.show(head, cells, "a title", n_left=2)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    words = printed.split()
    assert all(words.count(f"{i}.23456789") == 2 for i in range(9))
    assert words.count("breast_cancer") == 2 * printed.count("model") > 2
    for i in range(9):
        assert words.count(str(i)) == 1
