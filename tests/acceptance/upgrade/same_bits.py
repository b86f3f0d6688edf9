"""Six small studies, and all that they measured as texts and digests.

`python -m tests.acceptance.upgrade.same_bits` records the digests of this environment beside those
of others, and with --tables what they are compared with elsewhere. Run it with a version whose bits
are known to be right.
"""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from study import (
    load_layer_statistics,
    load_learning_curves,
    load_members,
    load_replicates,
    load_results,
)
from tests.recorded import CIRCUMSTANCES, processor, read_table

DATA = Path(__file__).parents[2] / "data"
HERE = DATA / "same_bits"
STUDIES = ("topologies", "gated", "early-stopping", "pruned", "tpe", "noise")
# Their trials follow from those before: elsewhere, other ones may come out.
ADAPTIVE = frozenset({"pruned", "tpe"})
TABLES = {
    "results": load_results,
    "replicates": load_replicates,
    "members": load_members,
    "learning_curves": load_learning_curves,
    "layer_statistics": load_layer_statistics,
}

Digests = dict[str, dict[str, str]]


def prepare(folder: Path) -> None:
    """Put the specifications and the data that they read into the folder."""
    for study in STUDIES:
        shutil.copy(HERE / f"{study}.yaml", folder)
    shutil.copy(DATA / "v0_1" / "people.csv", folder)


def read_tables(folder: Path) -> tuple[str, dict[str, pd.DataFrame]]:
    """The environment, and everything that the studies in the folder's database measured."""
    url = f"sqlite:///{folder / 'study.db'}"
    tables = {name: as_text(load(None, url)) for name, load in TABLES.items()}
    (fingerprint,) = set(tables["results"]["fingerprint"]) - {""}
    return f"{fingerprint} on {processor()}", tables


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Every value as a text that no two different bits share; nothing is the empty one."""
    return pd.DataFrame({column: [_text(v) for v in frame[column].tolist()] for column in frame})


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return "" if pd.isna(value) else str(value)


def digests(tables: dict[str, pd.DataFrame], columns: dict[str, list[str]]) -> Digests:
    """SHA-256 of each study's part of each table, of these columns in their order."""
    return {
        study: {
            name: hashlib.sha256(
                table.loc[table["study"] == study, columns[name]].to_csv(index=False).encode()
            ).hexdigest()
            for name, table in tables.items()
        }
        for study in STUDIES
    }


def recorded_tables() -> dict[str, pd.DataFrame]:
    """What was measured where the tables were recorded."""
    return {name: read_table(HERE / f"{name}.csv.gz") for name in TABLES}


def compared_columns(recorded: dict[str, pd.DataFrame]) -> dict[str, list[str]]:
    """What a digest is of: the columns of the version that recorded, but for circumstances."""
    return {
        name: [column for column in table.columns if column not in CIRCUMSTANCES]
        for name, table in recorded.items()
    }


def recorded_digests() -> dict[str, Digests]:
    """The digests of every environment that they were recorded in."""
    found: dict[str, Digests] = json.loads((HERE / "digests.json").read_text())
    return found


def run_studies(folder: Path, run: Callable[..., object]) -> None:
    """Run them one after the other, in one process each: in the order that is always the same."""
    prepare(folder)
    for study in STUDIES:
        run("launch", f"{study}.yaml", "--ray", "serial")


def record(*, with_tables: bool) -> None:
    """Run the studies and write what they measured, or only its digests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_studies(
            folder, lambda *arguments: subprocess.run(["study", *arguments], cwd=folder, check=True)
        )
        environment, tables = read_tables(folder)
    if with_tables:
        for table, frame in tables.items():
            kept = frame.drop(columns=[c for c in frame if c in CIRCUMSTANCES])
            with gzip.GzipFile(HERE / f"{table}.csv.gz", "wb", compresslevel=9, mtime=0) as file:
                file.write(kept.to_csv(index=False).encode())
    known = recorded_digests() if (HERE / "digests.json").exists() else {}
    known[environment] = digests(tables, compared_columns(recorded_tables()))
    (HERE / "digests.json").write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    record(with_tables="--tables" in sys.argv)
