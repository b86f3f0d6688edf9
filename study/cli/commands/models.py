"""Commands that take a trained ensemble out of a study, and that predict with one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.application import DEFAULT_STORAGE, NameArgument, StorageOption, app, listed, say
from study.cli.trials import TrialArgument, trial_numbers
from study.monitoring.suggestion import command

if TYPE_CHECKING:
    from study.cli.tables import Format


@app.command()
def export(
    name: NameArgument,
    trial: TrialArgument,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Write to this folder, which must be new or empty.")
    ],
    storage: StorageOption = DEFAULT_STORAGE,
    replicate: Annotated[
        int, typer.Option(metavar="N", help="Whose networks: the split they were trained on.")
    ] = 0,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit",
            help="Train on train and validation together; the accuracy is then not measured.",
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a model that is there.")] = False,
) -> None:
    """Train one trial again and write its ensemble, to predict with.

    Exit code 1, and nothing is written, if it does not measure what was recorded.
    """
    from study.models.export import export_model

    (number,) = trial_numbers(name, [trial], storage)
    exported = export_model(
        name, number, storage, output, replicate=replicate, refit=refit, force=force
    )
    networks = "1 network" if exported.networks == 1 else f"{exported.networks} networks"
    say(f"trial {number} of study {name!r}, replicate {replicate}: {networks} in {output}")
    if exported.replay is None:
        say(
            f"refit on the {exported.training_examples} examples of train and validation: "
            "its accuracy was not measured"
        )
    else:
        how = "bit for bit" if exported.replay.exact else f"within {exported.replay.tolerance:g}"
        say(
            f"test accuracy {exported.test_accuracy:.4f}; {exported.replay.compared} numbers came "
            f"out as recorded, compared {how}{exported.replay.what_was_left_out}"
        )
    say(f"to predict:  {command('predict', str(output), 'DATA.csv')}")


@app.command()
def predict(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What export wrote.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Examples: a .csv, .parquet or .npz file.")
    ],
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMNS", help="Columns of DATA to write beside: id,name. Repeatable."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to this file, not to stdout.")
    ] = None,
    style: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="csv|json|parquet",
            help="How to write them. Default: as the output's name ends, else csv.",
        ),
    ] = None,
) -> None:
    """Predict examples: a row each, with its class and the probability of every class.

    If the file has the column that was the target in training, the accuracy on it is said on
    stderr.
    """
    from study.cli.tables import write_results
    from study.models.examples import examples_in, kept_columns
    from study.models.model import load_model, predictions_table

    chosen = _format(style, output)
    model = load_model(directory)
    examples = examples_in(data, model.description)
    kept = kept_columns(examples, listed(keep)) if keep else None
    predicted = model.predict_examples(examples)
    write_results(predictions_table(model, predicted, kept), chosen, output)
    for note in predicted.notes:
        say(f"{data}: {note}")
    if predicted.accuracy is not None:
        accuracy, count = predicted.accuracy
        target = model.description.target
        say(f"accuracy {accuracy:.4f} on the {count} examples whose {target!r} {data} knows")


def _format(style: str | None, output: Path | None) -> "Format":
    from study.cli.tables import FILE_FORMATS, Format
    from study.report.outputs.formats import format_of

    return format_of(output, style, FILE_FORMATS, Format.CSV)
