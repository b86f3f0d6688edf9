"""Pictures and tables of studies that were run: units, base rates, intervals, buttons, folders."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.analysis import load_measurements
from study.launching.launch import launch
from study.report.building import build_report, picture
from study.report.markdown import as_markdown
from study.report.outputs.dashboard_figures import UPLOADS, _pictures
from study.report.page import as_page, picture_page
from study.report.style import BASE_RATE
from study.report.training import learning_curves, train_is_drawn_apart
from study.report.trials import base_rate
from study.specification.files import read_specification
from workers.segment import CURVE_EXAMPLES

ACCURACY_PICTURES = ("accuracy-gap", "learning-curves", "incumbent", "depth-activation")


@pytest.fixture(scope="module")
def grid(storage):
    return load_measurements("grid", storage)


def words_of(page):
    """The page without its scripts."""
    return re.sub(r"<script.*?</script>", " ", page, flags=re.DOTALL)


@pytest.mark.parametrize("name", ACCURACY_PICTURES)
def test_a_picture_of_accuracies_shows_the_base_rate(grid, name):
    figure = picture(grid, name).figure
    shown = f"{BASE_RATE} {100 * base_rate(grid):.1f} %"
    assert shown in figure.to_json().replace("\\u0025", "%")
    whole = 1 if name == "accuracy-gap" else 100  # of what the axis is a share
    for line in figure.layout.shapes:
        assert whole * base_rate(grid) in (line.x0, line.y0)


def test_accuracies_are_drawn_in_percent_and_gaps_in_points(grid):
    figure = picture(grid, "accuracy-gap").figure
    trials = next(trace for trace in figure.data if trace.name == "trials")
    row = grid.results.set_index("trial").loc[int(re.search(r"\d+", trials.text[0]).group())]
    assert trials.x[0] == pytest.approx(row["test_accuracy"])
    assert trials.y[0] == pytest.approx(row["generalization_gap"])
    assert figure.layout.xaxis.tickformat == ".0%"
    assert figure.layout.yaxis.tickformat == ".1%"
    assert "points" in figure.layout.yaxis.title.text
    gap = f"gap {100 * row['generalization_gap']:+.1f} points"
    assert gap in trials.text[0]


def test_no_interval_of_an_accuracy_leaves_0_to_100_percent_or_has_no_width(grid):
    perfect = grid.replicates.assign(
        test_accuracy=1.0,
        test_correct=[b"\xff" * len(bits) for bits in grid.replicates["test_correct"]],
    )
    results = grid.results.assign(test_accuracy=1.0)
    measurements = replace(grid, replicates=perfect, results=results)
    figure = picture(measurements, "accuracy-gap").figure
    star = next(trace for trace in figure.data if trace.name.startswith("best"))
    low, high = star.x[0] - star.error_x.arrayminus[0], star.x[0] + star.error_x.array[0]
    assert 0.0 <= low < high <= 100.0 + 1e-9


def test_the_table_of_the_best_says_what_they_are_and_how_well_they_do(grid):
    table = build_report(grid).best_table
    assert list(table.columns) == [
        "trial", "depth", "activation", "ensemble size", "validation", "train", "test (95 %)",
        "balanced test", "gap in points (95 %)", "train loss", "test loss", "loss gap",
    ]  # fmt: skip
    row = grid.results.set_index("trial").loc[int(table["trial"][0])]
    assert table["activation"][0] == row["activation"]
    assert table["balanced test"][0] == f"{100 * row['balanced_test_accuracy']:.1f} %"
    assert float(table["loss gap"][0]) == pytest.approx(row["loss_gap"], abs=0.0006)
    assert " to " in table["test (95 %)"][0]


def test_the_page_and_markdown_have_a_column_for_each_of_the_best(grid):
    report = build_report(grid)
    first = report.best_table.iloc[0]
    row = re.search(r"<tr><th>activation</th>(.*?)</tr>", as_page(report)).group(1)
    assert re.findall(r"<td>(.*?)</td>", row)[0] == first["activation"]
    assert f"| activation | {first['activation']} |" in as_markdown(report)


def test_what_an_earlier_version_did_not_record_is_a_dash(grid):
    results = grid.results.assign(balanced_test_accuracy=np.nan)
    assert set(build_report(replace(grid, results=results)).best_table["balanced test"]) == {"–"}


def test_a_page_has_no_button_that_uploads_and_says_its_colours(grid):
    report = build_report(grid)
    words = as_page(report)
    assert '<meta name="color-scheme" content="light">' in words
    assert "BASE_URL=" not in words
    configurations = re.findall(r'\{"displaylogo[^}]*\}', words)
    assert len(configurations) >= len(report.pictures)
    for configuration in configurations:
        assert '"showSendToCloud": false' in configuration
        listed = re.search(r'"modeBarButtons": (\[\[.*?\]\])', configuration).group(1)
        assert set(re.findall(r"\w+", listed)) == {"zoom2d", "pan2d", "resetScale2d", "toImage"}


def test_pictures_for_the_dashboard_say_themselves_that_nothing_is_uploaded(grid):
    drawn = _pictures(grid)
    assert drawn
    for one in drawn:
        assert set(UPLOADS) <= set(one.figure.layout.modebar.remove)


def curves_of(grid, trial, epochs, train_examples):
    """The study as if the trial had a curve of these epochs, with so many training examples."""
    rows = [
        {
            "trial": trial,
            "replicate": replicate,
            "epoch": epoch,
            "train_accuracy": 1.0 if epoch == epochs[-1] else 0.5,
            **dict.fromkeys(("validation_accuracy", "test_accuracy"), 0.5),
            **dict.fromkeys(("train_loss", "validation_loss", "test_loss"), 0.5),
        }
        for replicate in range(2)
        for epoch in epochs
    ]
    return replace(
        grid,
        learning_curves=pd.DataFrame(rows),
        replicates=grid.replicates.assign(train_examples=train_examples),
    )


def test_the_last_point_of_a_train_curve_is_drawn_apart_where_it_is_of_more_examples(grid):
    measurements = curves_of(grid, 0, (1, 2, 3), CURVE_EXAMPLES + 1)
    assert train_is_drawn_apart(measurements, 0)
    figure = learning_curves(measurements, 0, 0)
    by_name = {trace.name: trace for trace in figure.data}
    line = by_name[f"train, first {CURVE_EXAMPLES} examples"]
    assert (list(line.x), list(line.y)) == ([1, 2], [50.0, 50.0])
    last = by_name["train, all examples"]
    assert (list(last.x), list(last.y), last.mode) == ([3], [100.0], "markers")


def test_a_train_curve_of_the_same_examples_is_one_line(grid):
    measurements = curves_of(grid, 0, (1, 2, 3), CURVE_EXAMPLES)
    assert not train_is_drawn_apart(measurements, 0)
    line = next(t for t in learning_curves(measurements, 0, 0).data if t.name == "train")
    assert list(line.y) == [50.0, 50.0, 100.0]


@pytest.mark.parametrize(("examples", "said"), [(CURVE_EXAMPLES + 1, True), (100, False)])
def test_the_caption_says_that_a_step_is_no_learning_only_where_there_is_one(grid, examples, said):
    kept = grid.results[grid.results["trial"] == 0]
    measurements = curves_of(replace(grid, results=kept), 0, (1, 2, 3), examples)
    assert ("is no learning" in picture(measurements, "learning-curves").caption) is said


@pytest.fixture
def own_data(tmp_path, sqlite_url):
    """A study of a file somewhere on this machine, and the specification's folder."""
    folder = tmp_path / "folder-of-ada" / "data"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    table.assign(kind=np.where(table["a"] > 0, "yes", "no")).to_csv(
        folder / "plants.csv", index=False
    )
    specification = folder / "own.yaml"
    specification.write_text(
        "name: own\ndata: {source: plants.csv, target: kind}\nsampler: grid\n"
        "search: {width: 8, depth: [1, 2]}\ntraining: {epochs: 1, replicates: 2}\n"
    )
    launch(read_specification(str(specification)), storage=sqlite_url, ray="serial")
    return load_measurements("own", sqlite_url), folder


def test_a_page_that_is_handed_on_names_no_folder_of_the_machine(own_data):
    measurements, folder = own_data
    report = build_report(measurements)
    page = as_page(report)
    assert str(folder) in measurements.specification["data"]["source"]
    assert "plants.csv" in words_of(page)
    for part in (str(folder), "folder-of-ada", f"{Path.home()}/"):
        assert part not in page
    assert not re.search(r"(?<![\w.<:/])/(?:\w[\w.-]*/)+[\w.-]+", words_of(page))


def test_its_configuration_can_be_launched_beside_the_file(own_data):
    measurements, folder = own_data
    report = build_report(measurements)
    assert report.configuration.startswith("# Put the data file beside this specification")
    path = folder / "best.yaml"
    path.write_text(report.configuration)
    assert read_specification(str(path)).data.source == str(folder / "plants.csv")


def test_a_single_picture_has_no_other_buttons_either(grid):
    drawn = picture(grid, "incumbent")
    assert '"modeBarButtons"' in picture_page("grid", drawn)
    assert '"displayModeBar": false' in picture_page("grid", drawn, tools=False)
