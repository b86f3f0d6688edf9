"""What YAML text may do to the program that reads it: make plain values, within bounds."""

import tracemalloc

import pytest

from study.specification.yaml_reader import MOST_BYTES, MOST_LEVELS, Unreadable, read_document

LAUGHS = "a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
TOO_MUCH = {
    "lists in lists": ("[" * MOST_BYTES, "levels"),
    "mappings in mappings": ("{a: " * 60_000, "levels"),
    "a list that an indentation opens": ("- " * 100_000, "levels"),
    "keys of keys": ("? " * 100_000, "levels"),
    "a billion laughs": (LAUGHS, "values"),
    "a mapping that holds itself": ("&a {x: *a}", "inside itself"),
    "a long list": ("[" + "1," * 100_000 + "1]", "values"),
    "a long word": ("a" * 200_000, "characters"),
    "a long text": (" " * (MOST_BYTES + 1), "KiB"),
}
NO_VALUES = {
    "a call": "!!python/object/apply:os.system [echo]",
    "an object": "!!python/object:study.specification.spec.StudySpec {}",
    "a module": "!!python/module:os",
    "a name": "!!python/name:os.system",
    "a new tag": "!mine 3",
    "a month of 99": "2024-99-99",
    "a word as a number": "!!int seven",
    "a word as a truth value": "!!bool perhaps",
    "a list as a key": "{[1]: 2}",
    "a name for nothing": "*nothing",
    "a null character": "a: \x00",
    "no UTF-8": b"a: \xff",
    "two documents": "a: 1\n---\nb: 2",
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_too_much_is_refused_without_being_built(what):
    text, reason = TOO_MUCH[what]
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match=reason) as refused:
            read_document(text)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "\n" not in str(refused.value)
    assert most < 64 * 2**20


@pytest.mark.parametrize("what", NO_VALUES)
def test_what_is_no_plain_value_is_refused_in_one_line(what):
    with pytest.raises(Unreadable) as refused:
        read_document(NO_VALUES[what])
    assert "\n" not in str(refused.value)


def test_a_line_is_named_where_it_is_known():
    with pytest.raises(Unreadable) as refused:
        read_document("a: 1\nb: [2\n")
    assert refused.value.line == 3


def test_values_that_are_used_again_are_read():
    document = read_document("a: &some {width: [8, 16]}\nb: *some\nc: {<<: *some, depth: 1e1}")
    assert document["b"] == {"width": [8, 16]}
    assert document["c"] == {"width": [8, 16], "depth": 10.0}


def test_as_many_levels_as_are_allowed_are_read():
    document = read_document("[" * (MOST_LEVELS - 1) + "1" + "]" * (MOST_LEVELS - 1))
    for _ in range(MOST_LEVELS - 1):
        (document,) = document
    assert document == 1
