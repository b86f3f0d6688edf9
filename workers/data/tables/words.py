"""What words mean: whether a text is a number, a boolean or a date, whatever stands beside it.

Everything here is asked of the different words of a column, once each.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workers.columns import Kind
from workers.data.tables.table import RawColumn, as_text

FEW = 64
"""Words that show that most columns of text are no numbers."""

LARGEST = 3.4e38
"""Networks count in 32 bits: a number beyond it, and what is written for the largest one there, is
no number to them."""

EXACT = 2**53  # whole numbers beyond it are rounded

NO_VALUE = frozenset(
    {"", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "null", "none", "nil", "?", "-",
     "--", ".", "missing", "unknown"}
)  # fmt: skip
"""Words that are customary for "no value" where numbers, booleans or dates stand, in small letters.
Among categories they are categories, but for the empty one."""

# A number is not written with leading zeros: 007 is a code.
_NUMBER = r"^[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_INFINITE = r"^(?i)[+-]?inf(?:inity)?$"
_GROUPED = r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?$"
_LEADING_ZERO = r"^[+-]?0[0-9]+$"
_DIGITS = r"^[+-]?[0-9]+(?:\.[0-9]*)?$"
_DATE = (
    r"^[0-9]{4}(?:-[0-9]{2}-|/[0-9]{2}/)[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?: ?(?:Z|[+-][0-9]{2}:?[0-9]{2}))?)?$"
)
_DAY_TIME = r"(?:[T ,]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[AaPp][Mm])?)?$"
_MONTH = r"[A-Za-zÀ-ž]{3,10}\.?"
_DURATION = r"(-)?(?:([0-9]+) days?,? )?\+?([0-9]{1,4}):([0-5][0-9])(?::([0-5][0-9](?:\.[0-9]+)?))?"
_OTHER_DATE = (
    rf"^(?:[0-9]{{1,2}}[./-][0-9]{{1,2}}[./-](?:[0-9]{{4}}|[0-9]{{2}})"
    rf"|[0-9]{{1,2}}\.?[ -]{_MONTH}[ -](?:[0-9]{{4}}|[0-9]{{2}})|{_MONTH} [0-9]{{1,2}},? [0-9]{{4}}"
    rf"|[0-9]{{4}}[./-][0-9]{{1,2}}[./-][0-9]{{1,2}}){_DAY_TIME}"
)

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, eq=False)
class Words:
    """The different words of a column, as an Arrow array of text, and for each of the N rows which
    of them it has, −1 where it has no value."""

    words: Any
    codes: npt.NDArray[np.int64]

    def counts(self, rows: Bools) -> npt.NDArray[np.int64]:
        """How many of the chosen rows have each word."""
        chosen = self.codes[rows]
        return np.bincount(chosen[chosen >= 0], minlength=len(self.words))

    def spread(self, values: npt.NDArray[Any], otherwise: Any) -> npt.NDArray[Any]:
        """Values of the words as values of the rows [N]."""
        padded = np.append(values, np.asarray([otherwise], values.dtype))
        return np.asarray(padded[self.codes])


def words_of(text: Any, missing: Collection[str] = ()) -> Words:
    """The words of an Arrow array of text. An empty one is no value, and those of `missing`."""
    encoded = text.dictionary_encode()
    words = encoded.dictionary
    codes = np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
    none = _is_in(words, {"", *missing}) | _is_in(pc.utf8_trim_whitespace(words), {"", *missing})
    if none.any():
        codes = np.append(np.where(none, -1, np.arange(len(words))), -1)[codes]
    return Words(words, codes)


def levels_of(column: RawColumn, missing: Collection[str] = ()) -> Words:
    """The words of a column as levels: a number is one level however it is written, 1 or 1.0; a
    code such as 007 is what it is."""
    found = words_of(as_text(column))
    numbers = matches(found.words, _NUMBER)
    if not numbers.any():
        return words_of(as_text(column), missing)
    written = found.words.to_pylist()
    plain = [_plain(word) if own else word for word, own in zip(written, numbers, strict=True)]
    unwanted = {*missing, *(_plain(own) for own in missing if re.fullmatch(_NUMBER, own.strip()))}
    levels = {word: code for code, word in enumerate(dict.fromkeys(plain))}
    codes = np.asarray([*(-1 if w in unwanted else levels[w] for w in plain), -1], np.int64)
    return Words(pa.array(list(levels), pa.large_string()), codes[found.codes])


def _plain(number: str) -> str:
    """A number as it is written in one way only."""
    word = number.strip()
    if re.fullmatch(r"[+-]?[0-9]+", word):
        return str(int(word))  # however long it is
    value = float(word)
    return str(int(value)) if value.is_integer() and abs(value) < EXACT else repr(value)


def are_merged(words: Any, numbers: Bools) -> bool:
    """Whether some of these numbers are told apart as whole ones, but not as floats: they are
    codes."""
    values = as_numbers(words)[numbers]
    long = np.abs(values) > EXACT
    if not long.any():
        return False
    written = words.take(pa.array(np.flatnonzero(numbers)[long])).to_pylist()
    return len(np.unique(values[long])) < len({_plain(word) for word in written})


def look_like_dates(numbers: Floats) -> bool:
    """Whether whole numbers are all days such as 20241231."""
    years, months, days = numbers // 10_000, numbers // 100 % 100, numbers % 100
    right = (years >= 1900) & (years <= 2100) & (months >= 1) & (months <= 12)
    return bool((right & (days >= 1) & (days <= 31)).all())


def _is_in(words: Any, known: Collection[str]) -> Bools:
    return _bools(pc.is_in(words, pa.array(sorted(known), words.type)))


def _bools(array: Any) -> Bools:
    return np.asarray(array.to_numpy(zero_copy_only=False), np.bool_)


def matches(words: Any, pattern: str) -> Bools:
    """Which words, without blanks around them, match."""
    return _bools(pc.match_substring_regex(pc.utf8_trim_whitespace(words), pattern))


def are_no_value(words: Any, also: Collection[str] = ()) -> Bools:
    """Which words are customary for "no value", or are among `also`."""
    trimmed = pc.utf8_lower(pc.utf8_trim_whitespace(words))
    return _is_in(trimmed, NO_VALUE) | _is_in(words, set(also))


def are_numbers(words: Any, *, lenient: bool = False) -> Bools:
    """Which words are numbers, infinite ones among them; lenient: leading zeros, and commas between
    groups of three digits, are no hindrance."""
    found = matches(words, _NUMBER) | matches(words, _INFINITE)
    return found | matches(words, _GROUPED) | matches(words, _DIGITS) if lenient else found


def have_thousands(words: Any) -> Bools:
    """Which words are numbers with commas between groups of three digits."""
    return matches(words, _GROUPED)


def have_decimal_commas(words: Any) -> Bools:
    """Which words are numbers whose decimals begin with a comma."""
    return matches(words, r"^[+-]?[0-9]+,[0-9]+$")


def have_leading_zeros(words: Any) -> Bools:
    """Which words are codes of digits that no number is written as."""
    return matches(words, _LEADING_ZERO)


def are_booleans(words: Any) -> Bools:
    """Which words are true or false, in letters of any case."""
    return matches(words, r"^(?i)(?:true|false)$")


def are_other_dates(words: Any) -> Bools:
    """Which words are dates that are not read: the order of day and month may not be clear."""
    return matches(words, _OTHER_DATE)


def are_dates(words: Any) -> Bools:
    """Which words are dates or times in ISO form."""
    found: Bools = ~np.isnan(as_days(words))
    return found


def with_numbers(column: RawColumn) -> RawColumn:
    """The column with its numbers, where it is one of text that are all plainly written numbers.

    It costs a tenth of looking at each word; what it finds is what that would find.
    """
    if not column.is_text or len(column.values) == 0:
        return column
    text = column.values
    first = text[:FEW].cast(pa.large_string())
    if not (are_numbers(first) | _is_in(first, {""}))[_present(first)].all():
        return column
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
    if pc.any(pc.match_substring_regex(text, r"^[+-]?0[0-9]")).as_py():
        return column  # codes with leading zeros
    try:
        numbers = np.asarray(pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    except pa.ArrowInvalid:
        return column
    # nan and inf are words to look at, and long whole numbers may be codes.
    plain = (np.isfinite(numbers) & (np.abs(numbers) <= EXACT)) | ~_present(text)
    return replace(column, numbers=numbers) if plain.all() else column


def _present(text: Any) -> Bools:
    return _bools(pc.is_valid(text))


def as_numbers(words: Any) -> Floats:
    """The words' numbers, NaN for a word that is none; infinite ones stay so."""
    trimmed = pc.utf8_trim_whitespace(words)
    plain = pc.replace_substring(trimmed, ",", "")
    numbers = pa.array(are_numbers(words, lenient=True))
    chosen = pc.if_else(numbers, plain, pa.scalar(None, words.type))
    return np.asarray(pc.cast(chosen, pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def as_booleans(words: Any) -> Floats:
    """1 for true and 0 for false, NaN for any other word; 1 and 0 are read as well."""
    found = np.full(len(words), np.nan)
    found[matches(words, r"^(?i)(?:true|1|1\.0)$")] = 1.0
    found[matches(words, r"^(?i)(?:false|0|0\.0)$")] = 0.0
    return found


def as_seconds(words: Any) -> Floats:
    """The seconds of words that are durations or times of day: 08:30, 0 days 08:30:00, 1 day,
    2:03:04.5; NaN for any other word."""
    found = np.full(len(words), np.nan)
    likely = np.flatnonzero(matches(words, f"^(?:{_DURATION})$"))
    for place, word in zip(likely.tolist(), words.take(pa.array(likely)).to_pylist(), strict=True):
        parts = re.fullmatch(_DURATION, word.strip())
        if parts is None:
            continue
        sign, days, hours, minutes, seconds = parts.groups()
        total = SECONDS_A_DAY * int(days or 0)
        # pandas writes a negative one as -1 days +23:00:00.
        rest = 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds or 0)
        found[place] = (-total + rest) if sign and days else -rest if sign else total + rest
    return found


def as_days(words: Any) -> Floats:
    """The words' days since 1970 in UTC, NaN for a word that is no date in ISO form."""
    found = np.full(len(words), np.nan)
    likely = np.flatnonzero(matches(words, _DATE))
    if len(likely) == 0:
        return found
    import pandas as pd

    trimmed = pc.utf8_trim_whitespace(words).take(pa.array(likely))
    texts = pc.replace_substring(trimmed, "/", "-").to_pylist()
    parsed = pd.to_datetime(pd.Index(texts), format="ISO8601", utc=True, errors="coerce")
    found[likely] = days_since_1970(parsed.tz_localize(None).to_numpy())
    return found


def days_since_1970(times: npt.NDArray[Any]) -> Floats:
    """NumPy's time stamps as days; NaN for none."""
    exact = times.astype("datetime64[us]")
    days: Floats = exact.astype(np.int64) / (SECONDS_A_DAY * 1e6)
    days[np.isnat(exact)] = np.nan
    return days


PARSERS = {
    Kind.NUMBER: as_numbers,
    Kind.BOOLEAN: as_booleans,
    Kind.DATE: as_days,
    Kind.DURATION: as_seconds,
}
"""What words of a kind are as numbers, NaN for a word that is not of it."""
