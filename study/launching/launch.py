"""Launching a study: what a launch is given, and what comes of it.

Light to import, so that worker processes can begin to import torch before this one has imported
what a study needs.
"""

import os
from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any

from study.errors import InvalidInput
from workers.calling_program import undisturbed

if TYPE_CHECKING:
    from study.launching.outcome import StudyOutcome
    from study.monitoring.progress import Progress
    from study.specification.spec import StudySpec

DEFAULT_STORAGE = "sqlite:///study.db"
_PAIR = "(features, labels): numbers [N, F] or a DataFrame, and N labels in one column"


@undisturbed()
def launch(
    spec: "StudySpec | Mapping[str, Any] | str | os.PathLike[str]",
    *,
    data: tuple[Any, Any] | None = None,
    storage: str = DEFAULT_STORAGE,
    cluster: str | None = None,
    ray: str | None = None,
    progress: "Progress | bool | None" = None,
) -> "StudyOutcome":
    """Run a study until its budget is reached, from its beginning or from where it stopped.

    spec is a specification, a mapping of its fields (NumPy's numbers, paths and ranges among their
    values), or the path of one (or the name of a built-in study) as for `study launch`.
    data, (features [N, F], labels [N]), stands in for spec.data.source. storage is the URL of a
    SQLite or PostgreSQL database. cluster is the address of a running cluster, "local" for one of
    this machine's cores that ends with the launch, "serial" to train in this process, "processes"
    to train in processes of this machine, or None: like "processes" (with spec.resources.gpus: like
    "local"). ray is another name of it. A program that has a Ray session keeps it: "local" is then
    that one. progress says whether stderr shows how the study goes; None: where it is a terminal.

    What the program has set in its process (NumPy's errors, logging, warnings, signal handlers,
    environment, random states) is afterwards as it was, where it calls from its main thread.

    Raises:
        TypeError: an argument is of a type that is not named here.
        InvalidInput: specification, data, database or cluster cannot be used; nothing was written.
        StudyBusy: another coordinator is running the study.
        StudyFailed: every trial failed, or what trained them was lost.
        StorageError: the database is not there, or was lost on the way.
    """
    from study.launching.pools import early_workers

    check_data(data)
    if cluster is not None and ray is not None:
        raise InvalidInput(f"cluster: found {cluster!r}, and ray: {ray!r}; give one of them")
    address = ray if cluster is None else cluster
    _check_texts(storage, address)
    specification = _specification(spec)
    with early_workers(address, specification.resources.gpus) as workers:
        from study.launching.foreground import run_study
        from study.monitoring.console import showing

        with showing(progress) as shown:
            return run_study(
                specification,
                data=data,
                storage=storage,
                cluster=address,
                progress=shown,
                workers=workers,
            )


def check_data(data: object) -> None:
    """Refuse what stands for data in memory and is no pair of features and labels. None: the data
    are where the specification says.

    Raises:
        TypeError: saying what is taken.
    """
    if data is None:
        return
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"data: give {_PAIR}; found {_what(data)}")
    labels = data[1]
    # A frame of one column is one of labels; its columns are counted without importing pandas.
    columns = len(getattr(labels, "columns", "1"))
    unordered = isinstance(labels, str | bytes | Mapping | Set)
    if unordered or not isinstance(labels, Iterable) or columns != 1:
        raise TypeError(f"data: give {_PAIR}; found labels that are {_what(labels)}")


def _what(given: object) -> str:
    kind = f"a {type(given).__name__}"
    if isinstance(given, tuple | list):
        return f"{kind} of {len(given)}"
    shape = getattr(given, "shape", None)
    return kind if shape is None else f"{kind} of the shape {tuple(shape)}"


def _specification(given: object) -> "StudySpec":
    from study.specification.files import read_specification, validated
    from study.specification.plain_values import plain
    from study.specification.spec import StudySpec

    match given:
        case StudySpec():
            return given
        case Mapping():
            return validated(plain(given), "specification")
        case str() | os.PathLike():
            return read_specification(os.fsdecode(given))
    raise TypeError(
        f"spec: found a {type(given).__name__}; give a StudySpec, a mapping of its fields, or the "
        "path of a specification"
    )


def _check_texts(storage: object, address: object) -> None:
    if not isinstance(storage, str):
        raise TypeError(
            f"storage: found a {type(storage).__name__}; give the URL of a database, such as "
            f"{DEFAULT_STORAGE!r}"
        )
    if not isinstance(address, str | None):
        raise TypeError(
            f"cluster: found a {type(address).__name__}; give an address or a keyword, such as "
            "'serial'"
        )
