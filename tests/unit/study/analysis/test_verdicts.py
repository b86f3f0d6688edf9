"""Claims and what a study says about them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from study.analysis import Measurements, verdicts
from study.errors import InvalidInput
from study.specification.claims import Claim
from study.specification.space import check_claims
from study.specification.spec import StudySpec
from tests.benchmarks.simulated import as_study, outcomes

DEEP = {"depth": 8}
SHALLOW = {"depth": 1}
PLANTED = StudySpec.model_validate(
    {
        "name": "planted",
        "data": {"source": "digits"},
        "search": {"depth": [1, 8], "dropout": {"low": 0.0, "high": 0.4, "step": 0.1}},
        "sampler": "grid",
    }
)


@pytest.fixture(scope="module")
def measured():
    """Two trials: depth 1 is right more often than depth 8 by some ten points."""
    generator = np.random.default_rng(0)
    luck = generator.normal(0.0, 0.1, (1, 6))
    correct = outcomes(generator, np.array([2.0, 1.2]), luck, 450, 1.5)
    train = np.full((2, 6), 0.99) + generator.normal(0.0, 0.002, (2, 6))
    train[1, :3] = 1.0
    study = as_study({"depth": [1, 8]}, train, correct, correct)
    layers = pd.DataFrame(
        [
            (trial, replicate, layer, 0, 10.0 ** (-trial * (2 - layer)) * (1 + replicate / 100))
            for trial in (0, 1)
            for replicate in range(6)
            for layer in (1, 2)
        ],
        columns=["trial", "replicate", "layer", "epoch", "gradient_norm"],
    )
    return Measurements(
        run=SimpleNamespace(study="planted", specification=PLANTED.document()),
        results=study.results,
        replicates=study.replicates,
        members=pd.DataFrame(),
        learning_curves=pd.DataFrame(),
        layer_statistics=layers,
        splits=study.splits,
    )


def claim(expect, quantity="test_accuracy", of=SHALLOW, against=DEEP, **more):
    return Claim(
        says="so", quantity=quantity, of=of, against=None if "value" in more else against,
        expect=expect, **more,
    )  # fmt: skip


def verdict_on(measured, *claims):
    return verdicts(measured, claims)["verdict"].tolist()


@pytest.mark.parametrize(
    ("stated", "verdict"),
    [
        (claim("higher"), "holds"),
        (claim("lower"), "does not hold"),
        (claim("higher", margin=0.3), "does not hold"),
        (claim("equal", margin=0.3), "holds"),
        (claim("equal", margin=0.01), "does not hold"),
        (claim("lower", quantity="generalization_gap"), "holds"),
        (claim("higher", quantity="train_accuracy", value=0.9), "holds"),
        (claim("equal", quantity="test_accuracy", value=0.8, margin=0.005), "not decided"),
        (claim("higher", quantity="gradient_ratio"), "holds"),
        (claim("equal", quantity="gradient_ratio", of=DEEP, value=-1, margin=0.1), "holds"),
        (claim("lower", quantity="solved"), "not decided"),
        (claim("equal", quantity="solved", of=SHALLOW, value=0.1, margin=0.05), "not decided"),
    ],
)
def test_a_verdict_follows_the_measurements(measured, stated, verdict):
    assert verdict_on(measured, stated) == [verdict]


def test_a_difference_of_unlike_trials_is_estimated_with_its_interval(measured):
    (row,) = verdicts(measured, [claim("higher")]).to_dict("records")
    accuracies = measured.results["test_accuracy"]
    assert row["first"] == pytest.approx(accuracies[0])
    assert row["difference"] == pytest.approx(accuracies[0] - accuracies[1])
    assert row["low"] < row["difference"] < row["high"]
    assert (row["of"], row["against"]) == ("depth 1", "depth 8")


def test_more_claims_make_each_harder_to_hold(measured):
    alone = verdicts(measured, [claim("higher")])["p_holm"].iloc[0]
    among = verdicts(measured, [claim("higher"), *[claim("equal", margin=0.1)] * 4])
    assert among["p_holm"].iloc[0] == pytest.approx(min(5 * alone, 1.0))


def test_a_claim_about_trials_that_are_not_there_is_not_decided(measured):
    table = verdicts(measured, [claim("higher", of={"depth": 3})])
    assert table["verdict"].tolist() == ["not decided"]
    assert np.isnan(table["difference"].iloc[0])


@pytest.mark.parametrize("found", [0.3, 0.1 + 0.2])
@pytest.mark.parametrize("stated", [0.3, 0.1 + 0.2])
def test_a_claim_is_about_a_level_however_it_and_the_trials_spell_it(measured, stated, found):
    spelt = replace(measured, results=measured.results.assign(dropout=[found, 0.0]))
    held = claim("higher", of={"dropout": stated}, against={"dropout": 0.0})
    check_claims(PLANTED.model_copy(update={"claims": (held,)}))
    assert verdict_on(spelt, held) == ["holds"]


def test_a_claim_about_trials_without_a_level_finds_those(measured):
    patience = pd.array([None, 5], dtype="Int64")
    never = replace(measured, results=measured.results.assign(early_stopping_patience=patience))
    held = claim(
        "higher", of={"early_stopping_patience": None}, against={"early_stopping_patience": 5}
    )
    assert verdict_on(never, held) == ["holds"]


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ({"dropout": 0.35}, "0.35 is not reached from 0.0 in steps of 0.1; widen search.dropout"),
        ({"depth": 3}, "3 is none of its choices"),
        ({"depth": True}, "true is none of its choices"),
        ({"width": 7}, "found 7, but width is 32 in every trial"),
        ({"deepness": 3}, "unknown hyperparameter"),
    ],
)
def test_a_new_claim_about_a_level_that_no_trial_can_have_is_refused(levels, reason):
    (name,) = levels
    wrong = claim("higher", of=SHALLOW, against=levels)
    claimed = PLANTED.model_copy(update={"claims": (claim("higher"), wrong)})
    with pytest.raises(InvalidInput) as refused:
        check_claims(claimed)
    assert str(refused.value).startswith(f"claims[1].against.{name}: {reason}")
    check_claims(claimed, known=[wrong])


def test_a_claim_about_an_unknown_hyperparameter_is_refused(measured):
    with pytest.raises(InvalidInput, match="'deepness' is not a hyperparameter"):
        verdicts(measured, [claim("higher", of={"deepness": 3})])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"expect": "equal"}, "margin above 0"),
        ({"expect": "higher", "value": 0.5, "against": DEEP}, "either against"),
        ({"expect": "higher", "against": None}, "either against"),
        ({"expect": "higher", "quantity": "solved", "margin": 0.1}, "takes no margin"),
        ({"expect": "better"}, "higher"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(wrong, reason):
    whole = {"says": "so", "quantity": "test_accuracy", "of": SHALLOW, "against": DEEP} | wrong
    with pytest.raises(ValidationError, match=reason):
        Claim.model_validate(whole)


def test_claims_do_not_change_the_identity_of_a_search():
    plain = StudySpec(name="s", data={"source": "xor"})
    claimed = StudySpec(name="s", data={"source": "xor"}, claims=(claim("higher"),))
    assert plain.sha256() == claimed.sha256()
    assert StudySpec.model_validate(claimed.document()) == claimed
