"""What a report says, and that it is one file that needs nothing else."""

import re

import pytest
import yaml

from study.analysis import load_measurements
from study.errors import InvalidInput
from study.report.building import FIGURES, build_report, picture
from study.report.outputs.dashboard_figures import save_to_dashboard
from study.report.style import DESCRIPTIVE
from study.report.writing import write_report
from study.specification.files import read_specification


@pytest.fixture(scope="module")
def page(storage, tmp_path_factory):
    """The report of the study grid, as HTML."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report("grid", storage, None, None, path)
    return path.read_text(encoding="utf-8")


def own_words(page):
    """The page without the drawing library."""
    return re.sub(r"<script>.*?</script>", "", page, count=1, flags=re.DOTALL)


def test_a_page_loads_nothing_from_anywhere(page):
    assert len(page.encode()) < 8_000_000
    assert not re.findall(r"(?:src|href)=[\"'](?!data:)[^\"']", own_words(page))
    assert "cdn" not in own_words(page)


def test_a_page_answers_before_it_shows(page):
    words = own_words(page)
    assert words.index("Of 12 configurations trial ") < words.index("plotly-graph-div")
    assert "95 % interval" in words
    assert "Corrected for the luck of its validation examples (BBC" in words


def test_claims_and_names_are_shown_as_they_are_and_run_nothing(page):
    words = own_words(page)
    assert "Deep &lt;sigmoid&gt; networks are worse" in words
    assert re.search(r"class='(holds|not-decided|does-not-hold)'", words)


def test_every_picture_of_a_full_study_is_there(page):
    for name in set(FIGURES) - {"importances"}:
        assert f'id="{name}"' in page
    # Of what nothing is known to move nothing is important.
    assert ('id="importances"' in page) == ("What moves" in own_words(page))


def test_a_report_is_the_same_whenever_it_is_made(storage, page, tmp_path):
    path = tmp_path / "again.html"
    write_report("grid", storage, None, None, path)
    assert path.read_text(encoding="utf-8") == page


def test_pictures_of_trials_that_were_chosen_adaptively_all_say_so(storage):
    report = build_report(load_measurements("adaptive", storage))
    assert report.pictures
    for drawn in report.pictures:
        assert DESCRIPTIVE in drawn.figure.layout.title.text, drawn.name
    assert any("no effect" in word for word in report.cautions)


def test_pictures_of_a_design_do_not_call_themselves_descriptive(storage):
    drawn = picture(load_measurements("grid", storage), "effects")
    assert DESCRIPTIVE not in drawn.figure.layout.title.text


def test_a_study_of_one_configuration_has_a_report(storage):
    report = build_report(load_measurements("one", storage))
    assert "nothing was selected" in report.answer[1]
    assert report.claims is None
    assert {drawn.name for drawn in report.pictures} >= {"accuracy-gap", "learning-curves"}


def test_a_study_that_learned_nothing_says_so(storage):
    report = build_report(load_measurements("nothing", storage))
    assert "0 configurations learned something" in report.answer[2]
    assert any("2 of 2 trials did not learn" in word for word in report.cautions)
    assert any("20 % of the training labels" in word for word in report.cautions)
    assert "by which this search did not pick" in report.answer[1]


def test_the_best_configuration_can_be_launched_as_it_stands(storage, tmp_path):
    report = build_report(load_measurements("adaptive", storage))
    path = tmp_path / "best.yaml"
    path.write_text(report.configuration)
    spec = read_specification(str(path))
    best = load_measurements("adaptive", storage).results.set_index("trial").loc[report.best]
    assert (spec.search.depth, spec.search.width) == (best["depth"], best["width"])
    assert yaml.safe_load(report.configuration)["data"]["source"] == "wine"


def test_markdown_goes_to_stdout(storage, capsys):
    assert write_report("grid", storage, "md", None, None) is None
    written = capsys.readouterr().out
    assert written.startswith("# grid\n\nOf 12 configurations trial ")
    assert "| claim | verdict |" in written


def test_the_files_ending_says_the_format(storage, tmp_path):
    write_report("one", storage, None, None, tmp_path / "one.md")
    assert (tmp_path / "one.md").read_text().startswith("# one")


def test_one_picture_makes_a_page_of_its_own(storage, tmp_path):
    path = tmp_path / "effects.html"
    write_report("grid", storage, None, "effects", path)
    page = path.read_text(encoding="utf-8")
    assert 'id="effects"' in page
    assert 'id="incumbent"' not in page


@pytest.mark.parametrize(
    ("study", "style", "figure", "line"),
    [
        ("grid", "pdf", None, "--format: found 'pdf'; give one of html, md, png"),
        ("grid", "png", None, "add --figure NAME"),
        ("grid", "md", "effects", "--format md has no pictures"),
        ("grid", None, "efects", "did you mean 'effects'"),
        ("one", None, "effects", "nothing to draw it from"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(storage, study, style, figure, line):
    with pytest.raises(InvalidInput, match=re.escape(line)):
        write_report(study, storage, style, figure, None)


def test_a_file_that_cannot_be_written_is_refused(storage, tmp_path):
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_report("one", storage, "md", None, tmp_path / "missing" / "one.md")


def test_the_main_pictures_go_to_the_dashboard_in_place_of_older_ones(storage):
    import optuna

    from storage.database.opening import open_database
    from storage.trials.storage import TrialStorage

    def saved():
        with open_database(storage, create=False) as database:
            opened = optuna.load_study(study_name="grid", storage=TrialStorage(database))
            attributes = opened._storage.get_study_system_attrs(opened._study_id)
            return {key: value for key, value in attributes.items() if "plot" in key}

    names = save_to_dashboard("grid", storage)
    assert set(names) - {"importances"} == {"accuracy-gap", "effects", "incumbent"}
    first = saved()
    assert sum(len(str(value)) for value in first.values()) < 100_000
    save_to_dashboard("grid", storage)
    assert saved() == first
