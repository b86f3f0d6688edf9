"""How the sizes of networks and batches are padded.

Padding makes a network's arithmetic independent of its neighbours: with rows and widths that are
multiples of 8, every slice of a batched product, and of an elementwise function, is computed by
the same instructions whatever the number of slices. How far a network is padded depends on itself
alone, except for rows, which may be padded further without changing a bit up to LARGEST_ROWS.
"""

MULTIPLE = 8
LARGEST_ROWS = 128  # sums over 256 rows are computed in blocks, whose bounds change bits
_FINE_BUCKETS = 4  # bucket bounds from one power of two to the next


def pad(size: int) -> int:
    """size rounded up to the multiple that keeps arithmetic independent of neighbours."""
    return max(MULTIPLE, -(-size // MULTIPLE) * MULTIPLE)


def width_bucket(width: int) -> int:
    """The padded width that layers of this width are stored with: 8, 16, 24, 32, 40, 48, …, 64,
    80, …: steps of at most a quarter, so that a range of widths still shares few shapes."""
    power = 1 << max(0, (width - 1).bit_length() - 1)
    step = max(MULTIPLE, power // _FINE_BUCKETS)
    return -(-width // step) * step


def rows_class(rows: int) -> int:
    """Batches of equal class share a program, padded to the largest of them."""
    return pad(rows) if rows > LARGEST_ROWS else 1 << (rows - 1).bit_length()
