"""How trials were chosen, ended and labelled: what to know before their figures are read."""

from study.analysis import Measurements
from study.report.style import percent
from study.report.trials import best_trial, number
from study.specification.spec import Pruner, Sampler


def chosen_by_results(measurements: Measurements) -> str | None:
    """None where configurations do not depend on results."""
    if measurements.sampler.is_design:
        return None
    *designs, last = (sampler.value for sampler in Sampler if sampler.is_design)
    return (
        f"The sampler {measurements.sampler.value} chose trials by the results of earlier ones: "
        "what is said of levels and importances describes these trials and is no effect. For "
        f"effects, run the search with sampler {', '.join(designs)} or {last}."
    )


def ended_by_results(measurements: Measurements) -> str | None:
    """None without a pruner, and where it ended no trial."""
    pruner = Pruner(measurements.specification["pruner"])
    ended = int((measurements.results["state"] == "PRUNED").sum())
    if pruner is Pruner.NONE or ended == 0:
        return None
    return (
        f"The pruner {pruner.value} ended {number(ended, 'trial')} early because of their results: "
        "what is said of levels and importances describes the trials that went on and is no "
        "effect. For effects, run the search without a pruner."
    )


def wrong_labels(measurements: Measurements) -> str | None:
    """None without label noise."""
    noise = measurements.specification["data"]["label_noise"]
    if not noise:
        return None
    clean = measurements.results.set_index("trial")["train_accuracy_clean"].get(
        best_trial(measurements), float("nan")
    )
    return (
        f"{percent(noise, 0)} of the training labels were made wrong on purpose. Train accuracy "
        "and gap count those labels as they were trained on; against the true ones trial "
        f"{best_trial(measurements)} is right on {percent(clean)} of its training examples."
    )


def failed_trials(measurements: Measurements) -> str | None:
    """None where none failed."""
    failed = int((measurements.results["state"] == "FAIL").sum())
    if failed == 0:
        return None
    return f"{number(failed, 'trial')} failed and {'is' if failed == 1 else 'are'} left out."
