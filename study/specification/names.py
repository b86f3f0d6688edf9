"""What a study may be called."""

from pydantic import TypeAdapter, ValidationError

from study.errors import InvalidInput
from study.specification.spec import Name


def checked_name(name: str, where: str) -> str:
    """The name. Raises InvalidInput for one that a specification could not have."""
    try:
        return TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise InvalidInput(
            f"{where}: found {name[:60]!r}; a name has 1 to 200 characters, none of them / or \\"
        ) from None
