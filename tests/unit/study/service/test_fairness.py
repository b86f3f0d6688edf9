"""The slots of a cluster are shared equally, and nobody leaves one idle that another could use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.launching.sharing import fair_share


@pytest.mark.parametrize(
    ("slots", "wanted_by_others", "share"),
    [
        (8, [], 8),
        (8, [8], 4),
        (9, [9], 5),
        (8, [8, 8], 3),
        (8, [1], 7),
        (8, [1, 8], 4),
        (8, [0, 0, 0], 8),
        (2, [2] * 9, 1),
        (0, [3], 0),
    ],
)
def test_a_share_is_an_equal_part_and_what_others_leave(slots, wanted_by_others, share):
    assert fair_share(slots, wanted_by_others) == share


@given(st.integers(1, 200), st.lists(st.integers(0, 200), max_size=12))
def test_the_shares_of_all_fill_the_cluster_where_somebody_wants_it(slots, wanted):
    shares = [
        min(want, fair_share(slots, wanted[:place] + wanted[place + 1 :]))
        for place, want in enumerate(wanted)
    ]
    assert sum(shares) >= min(slots, sum(wanted))
    assert sum(shares) <= slots + len(wanted)  # rounded up


@given(st.integers(1, 200), st.integers(1, 12))
def test_studies_that_want_everything_get_the_same(slots, studies):
    assert fair_share(slots, [slots] * (studies - 1)) == -(-slots // studies)
