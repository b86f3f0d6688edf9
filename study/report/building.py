"""From measurements to the parts of a report, in the order in which they are read."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from study.analysis import (
    Measurements,
    verdicts,
    within_run_overfitting,
)
from study.errors import InvalidInput, nearest
from study.report.answer import answer, cautions
from study.report.effects import effects_figure, importances_figure
from study.report.overview import accuracy_against_gap, incumbent_over_time
from study.report.style import percent, points
from study.report.training import (
    depth_by_activation,
    ensemble_sizes,
    gradients_by_layer,
    learning_curves,
    train_is_drawn_apart,
)
from study.report.trials import (
    base_rate,
    best_table,
    best_trial,
    configuration_yaml,
    file_name,
    is_truth_table,
    most_overfitting_trial,
)
from study.specification.claims import Claim
from workers.segment import CURVE_EXAMPLES


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with the sentence that says how to read it."""

    name: str
    caption: str
    figure: go.Figure


@dataclass(frozen=True, eq=False)
class Report:
    """Everything a study's page says. claims is None where the study makes none; data are the lines
    that say how its data were read."""

    study: str
    answer: tuple[str, ...]
    cautions: list[str]
    claims: pd.DataFrame | None
    pictures: list[Picture]
    best: int
    configuration: str
    best_table: pd.DataFrame  # of texts, its columns are headings
    data: tuple[str, ...]
    facts: dict[str, str]
    failures: list[str]


FIGURES = (
    "accuracy-gap",
    "effects",
    "importances",
    "learning-curves",
    "depth-activation",
    "gradients",
    "ensemble",
    "incumbent",
)


def build_report(measurements: Measurements) -> Report:
    """Compute and draw everything."""
    best = best_trial(measurements)
    claims = [Claim.model_validate(claim) for claim in measurements.specification.get("claims", ())]
    pictures = [picture(measurements, name) for name in FIGURES]
    return Report(
        study=measurements.run.study,
        answer=answer(measurements, best),
        cautions=cautions(measurements, best),
        claims=verdicts(measurements, claims) if claims else None,
        pictures=[drawn for drawn in pictures if drawn is not None],
        best=best,
        configuration=configuration_yaml(measurements, best),
        best_table=best_table(measurements),
        data=measurements.data_summary,
        facts=how_it_was_run(measurements),
        failures=failures(measurements),
    )


def picture(measurements: Measurements, name: str) -> Picture | None:
    """One picture by its name; None where this study has nothing to draw it from.

    Raises InvalidInput for a name that is not in FIGURES.
    """
    if name not in FIGURES:
        raise InvalidInput(
            f"--figure: found {name!r}{nearest(name, list(FIGURES))}; give one of: "
            f"{', '.join(FIGURES)}"
        )
    best, worst = best_trial(measurements), most_overfitting_trial(measurements)
    draw: dict[str, tuple[Callable[[], go.Figure | None], str | None]] = {
        "accuracy-gap": (
            lambda: accuracy_against_gap(measurements, best),
            "Down and to the right is better. A small gap alone is worth nothing: read it with "
            "the accuracy beside it.",
        ),
        "effects": (
            lambda: effects_figure(measurements),
            "Averaged over everything else that was searched. "
            + ("" if measurements.complete else "The trials are a sample of the search space. ")
            + "Levels share their replicates and test examples, so that differences between them "
            "are surer than bars that overlap suggest.",
        ),
        "importances": (
            lambda: importances_figure(measurements),
            "Two questions: what gets a trial into the best tenth (PED-ANOVA), and what explains "
            "the differences between all of them (fANOVA).",
        ),
        "learning-curves": (
            lambda: learning_curves(measurements, best, worst),
            None,
        ),
        "depth-activation": (
            lambda: depth_by_activation(measurements),
            "A gradient that does not reach the first layer leaves it as it was initialized.",
        ),
        "gradients": (
            lambda: gradients_by_layer(measurements),
            "A line that falls to the left is a gradient that vanishes on its way back.",
        ),
        "ensemble": (
            lambda: ensemble_sizes(measurements),
            "Averaged over all subsets of the members, against a single member of the same "
            "trial and replicate.",
        ),
        "incumbent": (
            lambda: incumbent_over_time(measurements),
            "The more configurations compete, the luckier the winner's validation score; the "
            "dotted line takes that luck out. The test set chose nothing.",
        ),
    }
    if name in ("accuracy-gap", "incumbent") and is_truth_table(measurements):
        return None
    figure, caption = draw[name][0](), draw[name][1]
    if figure is None:
        return None
    return Picture(name, caption or _within_run(measurements, best, worst), figure)


def _within_run(measurements: Measurements, best: int, worst: int) -> str:
    curves = measurements.learning_curves
    table = within_run_overfitting(curves[curves["trial"].isin([best, worst])])
    change = dict(zip(table["trial"], table["test_drop"], strict=True))
    won = points(change[best])
    words = f"Stopping trial {best} at its best epoch by validation would have changed its test "
    words += f"accuracy by {won} points"
    if worst != best:
        words += f", trial {worst} by {points(change[worst])}"
    words += "."
    if train_is_drawn_apart(measurements, best) or train_is_drawn_apart(measurements, worst):
        words += (
            f" Until the last epoch train accuracy is measured on the first {CURVE_EXAMPLES} "
            "training examples only; at the last on all of them, drawn apart as a diamond: the "
            "step between the two is no learning."
        )
    return words


SHOWN_FAILURES = 5


def how_it_was_run(measurements: Measurements) -> dict[str, str]:
    """Label and text of every fact."""
    run, specification = measurements.run, measurements.specification
    results = measurements.results
    states = results["state"].value_counts()
    copies = int(results["duplicate_of"].notna().sum())
    training = specification["training"]
    splits = measurements.splits
    facts = {
        "data": f"{file_name(specification['data']['source'])}, content hash {run.data_sha256}",
        "examples": (
            f"{splits['train_examples'].iloc[0]} train, {len(splits['validation_index'].iloc[0])} "
            f"validation, {len(splits['test_index'].iloc[0])} test"
        ),
        "most frequent class": f"{percent(base_rate(measurements))} of the test set",
        "sampler": specification["sampler"],
        "pruner": specification["pruner"],
        "objective": ", ".join(specification["objective"]),
        "training": f"{training['epochs']} epochs, {training['replicates']} replicates",
        "trials": ", ".join(f"{count} {str(state).lower()}" for state, count in states.items())
        + (f", of which {copies} are copies" if copies else ""),
        "seed": str(run.seed),
        "diverged networks": str(int(results["diverged"].sum())),
        "training time": f"{results['seconds'].sum():.0f} s of one core",
        "versions": ", ".join(f"{name} {number}" for name, number in run.versions.items()),
        "environment": "; ".join(sorted(results["fingerprint"].dropna().astype(str).unique())),
        "created": f"{run.created_at:%Y-%m-%d %H:%M} UTC",
        "specification": f"SHA-256 {run.specification_sha256}",
    }
    return {label: text for label, text in facts.items() if text}


def failures(measurements: Measurements) -> list[str]:
    """Why trials failed, the most frequent reason first."""
    reasons = measurements.results["error"].dropna().astype(str).value_counts()
    shown = reasons.head(SHOWN_FAILURES).items()
    return [f"{count} × {without_folders(str(reason))}" for reason, count in shown]


ABSOLUTE = re.compile(r"(?<![\w.:/<])/(?:[^\s/'\":,;<>()]+/)+(?=[^\s/'\":,;<>()])")


def without_folders(text: str) -> str:
    """The text with every absolute path cut to the file's name."""
    return ABSOLUTE.sub("", text)
