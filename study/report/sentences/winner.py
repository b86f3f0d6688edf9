"""How well the trial does that the search picked."""

from study.analysis import Measurements, distinct_trials, generalization_gaps
from study.report.style import percent, points
from study.report.trials import described, first_objective, is_baseline, is_truth_table
from study.specification.spec import Objective

# How each objective is said of the winner: the most or the least of what.
_SUPERLATIVES = {
    Objective.VALIDATION_ACCURACY: "the highest validation accuracy",
    Objective.VALIDATION_LOSS: "the lowest validation loss",
    Objective.VALIDATION_GAP: "the smallest gap between train and validation accuracy",
    Objective.PARAMETERS: "the fewest parameters",
}


def how_well(measurements: Measurements, best: int, *, confirmed: bool = False) -> str:
    """The winner: by what it won, its test accuracy, its training accuracy and the gap, as the
    search saw them; confirmed: which is not all that is known of it."""
    gaps = generalization_gaps(measurements.replicates, measurements.splits)
    row = gaps[gaps["trial"] == best].to_dict("records")[0]
    count = len(distinct_trials(measurements.results))
    who = described(measurements, best)
    if count == 1:
        opening = f"The only configuration, {who},"
    else:
        won = _SUPERLATIVES[first_objective(measurements)]
        opening = f"Of {count} configurations {who} has {won}"
        opening += "; it is the baseline. " if is_baseline(measurements, best) else ". "
        opening += "In the search it" if confirmed else "It"
    opening += f"{' was' if confirmed else ' is'} right on {percent(row['test_accuracy'])} of test "
    opening += "examples"
    # One network on all examples there are is right on what it is right on.
    if len(measurements.splits) > 1 or not is_truth_table(measurements):
        low, high = percent(row["test_low"]), percent(row["test_high"])
        opening += f" (95 % interval {low} to {high})"
    if is_truth_table(measurements):
        return f"{opening}; the data are a complete truth table, so there is no gap to measure."
    return (
        f"{opening} and on {percent(row['train_accuracy'])} of its training examples: a "
        f"generalization gap of {points(row['generalization_gap'], sign=False)} points "
        f"({points(row['gap_low'], sign=False)} to {points(row['gap_high'], sign=False)})."
    )


def constant_prediction(measurements: Measurements) -> str | None:
    """What a network that knows nothing would reach; None for a truth table, where it is said of
    seeds."""
    if is_truth_table(measurements):
        return None
    rate = measurements.splits["majority_test_accuracy"].mean()
    return f"Always saying the most frequent class is right on {percent(rate)} of test examples."
