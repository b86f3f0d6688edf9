"""Python's garbage collector, kept from looking through large batches of rows."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No search for cycles: what a batch makes is kept, or freed by its count of references.

    The many new objects would set off the search again and again, and every search looks through
    all trials that are cached, so that a batch would cost more the more trials there are.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
