"""How much of the winner's figures is the luck of having been picked."""

from study.analysis import Measurements, distinct_trials, selection_optimism
from study.analysis.search.overtuning import overtuning, relative_overtuning
from study.report.style import percent, points
from study.report.trials import first_objective, is_truth_table
from study.specification.spec import Objective


def corrected_for_the_pick(measurements: Measurements) -> str | None:
    """What the winner's validation accuracy is worth; None where nothing was picked by it."""
    if is_truth_table(measurements) or len(distinct_trials(measurements.results)) < 2:
        return None
    table = selection_optimism(measurements.results, measurements.replicates, measurements.splits)
    row = table.iloc[0]
    winner = f"trial {int(row['winner'])}"
    if first_objective(measurements) is Objective.VALIDATION_ACCURACY:
        opening = f"Picked by validation accuracy out of {int(row['trials'])}, {winner} promised"
    else:
        opening = (
            f"Validation accuracy, by which this search did not pick, would have picked {winner} "
            f"out of {int(row['trials'])}, which promised"
        )
    return (
        f"{opening} {percent(row['validation_accuracy'])} on validation examples. Corrected for "
        "the luck of its validation examples (BBC, a bootstrap of the choice) that is "
        f"{percent(row['corrected'])} ({percent(row['corrected_low'])} to "
        f"{percent(row['corrected_high'])}); the luck of its seeds stays in."
    )


def nothing_was_picked(measurements: Measurements) -> str | None:
    """None where there was a choice."""
    if len(distinct_trials(measurements.results)) > 1:
        return None
    return "With a single configuration nothing was selected, so nothing needs correcting."


def seeds_that_solved(measurements: Measurements) -> str | None:
    """Of a truth table, how many seeds learned all of it; None for other data."""
    if not is_truth_table(measurements):
        return None
    seeds = measurements.replicates["train_accuracy"]
    return (
        f"Of all {len(seeds)} seeds of all configurations {percent((seeds >= 1.0).mean())} "
        "learned the whole table."
    )


def cost_of_searching_on(measurements: Measurements) -> str | None:
    """Overtuning; None where there was no choice, or where the test accuracy of the last incumbent
    is the best that any had."""
    objective = first_objective(measurements)
    if is_truth_table(measurements) or objective is Objective.PARAMETERS:
        return None
    path = overtuning(
        measurements.results, objective.value, maximize=objective.direction == "maximize"
    )
    last = path.iloc[-1]
    if last["overtuning"] <= 0.0:
        return None
    best = path.iloc[int(path["test_accuracy"].to_numpy().argmax())]
    words = (
        f"Searching on replaced trial {int(best['incumbent'])}, with {percent(best['best_test'])} "
        f"of test examples right, by trial {int(last['incumbent'])}, with "
        f"{percent(last['test_accuracy'])}: overtuning of "
        f"{points(last['overtuning'], sign=False)} points, of which chance alone makes some"
    )
    relative = relative_overtuning(path)
    if relative is None:
        return f"{words}."
    if relative > 1.0:
        meaning = "the last choice is worse than the first configuration tried"
    else:
        meaning = f"{percent(relative, 0)} of what had been gained over the first one tried"
    return f"{words}. Relative overtuning is {relative:.2f}: {meaning}."
