"""A study that an earlier version began with another default goes on with what it has."""

import pytest

from study.errors import InvalidInput
from study.launching.launch import launch
from study.service.enqueue import put_in_queue
from study.specification.files import validated


def spec(trials, **training):
    document = {
        "name": "small",
        "data": {"source": "wine"},
        "search": {"depth": {"low": 1, "high": 4}, "width": 8},
        "training": {"epochs": 1, **training},
        "sampler": "random",
        "budget": {"trials": trials},
    }
    return validated(document, "small")


@pytest.fixture
def storage(tmp_path):
    """The URL of a database with a study of three replicates, which was the default once."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    launch(spec(1, replicates=3), storage=url, cluster="serial")
    return url


def test_a_study_of_three_replicates_goes_on_where_nobody_says_how_many(storage):
    outcome = launch(spec(2), storage=storage, cluster="serial")
    assert outcome.complete == 2


def test_so_does_one_in_the_queue(storage):
    assert not put_in_queue(spec(2), storage).over


@pytest.mark.parametrize("replicates", [4, 5])
def test_who_says_another_number_is_refused(storage, replicates):
    with pytest.raises(InvalidInput, match="replicates = 3, found"):
        launch(spec(2, replicates=replicates), storage=storage, cluster="serial")


def test_a_new_study_has_five(tmp_path):
    url = f"sqlite:///{tmp_path / 'new.db'}"
    launch(spec(1), storage=url, cluster="serial")
    with pytest.raises(InvalidInput, match="replicates = 5, found 3"):
        launch(spec(1, replicates=3), storage=url, cluster="serial")
