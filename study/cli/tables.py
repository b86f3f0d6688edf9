"""The results table as a person or a program wants it: on the terminal, or in a file."""

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.table import Table
from rich.text import Text

from study.errors import InvalidInput
from study.monitoring.terminal import natural_width
from workers.segment import HEADLINES, METRICS

if TYPE_CHECKING:
    import pandas as pd

    from study.launching.replay import Replay

# Shorter than the column's own name, where that is long.
_HEADINGS = {
    "train_accuracy": "train",
    "validation_accuracy": "validation",
    "test_accuracy": "test",
    "generalization_gap": "gap",
    "ensemble_size": "ensemble",
    "learning_rate": "rate",
    "weight_decay": "decay",
    "batch_size": "batch",
    "train_fraction": "fraction",
    "early_stopping_patience": "patience",
}
DIFFERENCES = 40  # shown of a replay: more of them say no more


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


FILE_FORMATS = (Format.CSV, Format.JSON, Format.PARQUET)


def as_table(
    results: "pd.DataFrame",
    title: str,
    *,
    objectives: Sequence[str],
    varying: Sequence[str],
    search: Mapping[str, Any],
    width: int,
) -> Table:
    """The headline metrics, what the study optimizes, and the hyperparameters that vary: a row per
    trial. search is that section of the specification's document: levels are told apart.

    Where the columns do not fit into width characters, the hyperparameters share one.
    """
    from study.analysis.effects.labels import level_labels

    metrics = list(dict.fromkeys((*HEADLINES, *objectives)))
    labels = {
        name: level_labels(results[name].dropna().unique().tolist(), search.get(name))
        for name in varying
        if results[name].dtype.kind == "f"
    }
    table = _table(results, title, [*metrics, *varying], (), labels)
    if natural_width(table) <= width:
        return table
    return _table(results, title, metrics, varying, labels)


def _table(
    results: "pd.DataFrame",
    title: str,
    columns: Sequence[str],
    together: Sequence[str],
    labels: Mapping[str, Mapping[float, str]],
) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("trial", justify="right")
    with_states = bool((results["state"] != "COMPLETE").any())
    if with_states:
        table.add_column("state")
    for column in columns:
        texts = results[column].dtype.name in ("category", "object", "str", "string")
        justify: Literal["left", "right"] = "left" if texts else "right"
        table.add_column(_HEADINGS.get(column, column), justify=justify)
    if together:
        table.add_column("configuration")
    for _, row in results.iterrows():
        cells = [str(row["trial"])]
        if with_states:
            cells.append(str(row["state"]).lower())
        cells += [_cell(column, row[column], labels) for column in columns]
        if together:
            named = (f"{_HEADINGS.get(c, c)} {_cell(c, row[c], labels)}" for c in together)
            cells.append(", ".join(named))
        table.add_row(*cells)
    return table


def differences_table(replayed: "Replay") -> Table:
    """The numbers of a replay that came out otherwise."""
    table = Table("table", "row", "column", "recorded", "replayed")
    for difference in replayed.differences[:DIFFERENCES]:
        values = (difference.recorded, difference.replayed)
        texts = [v.hex() if isinstance(v, bytes) else repr(v) for v in values]
        shown = [text if len(text) <= 24 else f"{text[:23]}…" for text in texts]
        table.add_row(difference.table, difference.where, difference.column, *shown)
    if len(replayed.differences) > DIFFERENCES:
        table.caption = f"and {len(replayed.differences) - DIFFERENCES} more"
    return table


def verdicts_table(claims: "pd.DataFrame") -> Table:
    """A study's claims, a row each: what it says about them, and by what quantity."""
    from study.report.markdown import CLAIM_HEAD, claim_cells

    table = Table(title="Claims", title_justify="left")
    for heading in CLAIM_HEAD:
        table.add_column(heading)
    for row in claims.to_dict("records"):
        says, verdict, *rest = claim_cells(row)
        table.add_row(says, Text(verdict, style="bold"), *rest)
    return table


def write_results(results: "pd.DataFrame", style: Format, output: Path | None) -> None:
    """Write all columns to output, or to stdout where that is None, in one of FILE_FORMATS.

    Raises:
        InvalidInput: a format of bytes for a terminal, or a file that cannot be written.
    """
    if output is None:
        _write_to_stdout(results, style)
        return
    try:
        if style is Format.PARQUET:
            results.to_parquet(output, index=False)
        else:
            output.write_text(_text(results, style), encoding="utf-8")
    except OSError as error:
        # pandas raises some of its own, which have no strerror.
        reason = error.strerror or error
        raise InvalidInput(f"--output {output}: cannot be written: {reason}") from None


def _write_to_stdout(results: "pd.DataFrame", style: Format) -> None:
    if style is Format.PARQUET:
        if sys.stdout.isatty():
            raise InvalidInput("--format parquet is not for a terminal; add --output FILE")
        results.to_parquet(sys.stdout.buffer, index=False)
    else:
        sys.stdout.write(_text(results, style))


def _text(results: "pd.DataFrame", style: Format) -> str:
    if style is Format.CSV:
        return str(results.to_csv(index=False))
    return results.to_json(orient="records", date_format="iso", indent=2) + "\n"


def _cell(column: str, value: Any, labels: Mapping[str, Mapping[float, str]]) -> str:
    import pandas as pd

    if pd.isna(value):
        return "–"
    if column in METRICS:
        return f"{value:.3f}" if METRICS[column].difference is None else f"{value:+.3f}"
    if not isinstance(value, float):
        return str(value)
    return labels.get(column, {}).get(value) or f"{value:.3g}"
