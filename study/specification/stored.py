"""A specification that comes from the database: untrusted input.

It is bounded in size, JSON and nothing else, and validated as a file would be.
"""

import json

from storage.database.engine import Database
from storage.studies.leases import Lease
from storage.studies.runs import specification_text
from study.errors import InvalidInput
from study.specification.files import validated
from study.specification.spec import StudySpec, UntrainedInputs

LARGEST_DOCUMENT = 2**21


def check_size(spec: StudySpec) -> None:
    """Refuse a specification that no service would read.

    Raises:
        InvalidInput: saying how large it is.
    """
    size = len(json.dumps(spec.document()))
    if size > LARGEST_DOCUMENT:
        raise InvalidInput(
            f"study {spec.name!r}: its specification has {size} characters; the queue takes "
            f"{LARGEST_DOCUMENT}: give ranges in place of long lists"
        )


def claimed_specification(database: Database, lease: Lease) -> StudySpec:
    """The specification of a claimed study, under the study's present name.

    Raises:
        InvalidInput: it is too large, no JSON, or no specification.
    """
    where = f"study {lease.study!r}"
    text = specification_text(database, lease.study_id, most=LARGEST_DOCUMENT)
    if text is None:
        raise InvalidInput(f"{where}: its specification is larger than {LARGEST_DOCUMENT} bytes")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{where}: its specification is no JSON: {error}") from None
    return stored_specification(document, lease.study)


def stored_specification(document: object, study: str) -> StudySpec:
    """The specification that a database has of a study, under the study's present name.

    One from before `data.untrained_inputs` means "kept", and one from before `data.columns` and
    `data.rules` was read by the first rules: so its trials were trained.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(document, dict):
        raise InvalidInput(f"study {study!r}: its specification is not a mapping")
    if isinstance(data := document.get("data"), dict):
        former = {"untrained_inputs": UntrainedInputs.KEPT.value, "rules": 1}
        document = {**document, "data": {**former, **data}}
    try:
        return validated({**document, "name": study}, f"study {study!r}")
    except RecursionError:
        raise InvalidInput(f"study {study!r}: its specification is nested too deeply") from None
