"""The state of torch in which a network's bits do not depend on its neighbours."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def independent_arithmetic() -> Iterator[None]:
    """One intra-op thread, no oneDNN and no autograd inside; what there was before outside.

    Several threads cut an elementwise function where its vectors end differently, and oneDNN
    computes gelu for contiguous tensors only, by another formula than torch does for others.
    """
    threads = torch.get_num_threads()
    onednn = torch.backends.mkldnn
    enabled = onednn.enabled
    torch.set_num_threads(1)
    onednn.enabled = False  # type: ignore[assignment]
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(threads)
        onednn.enabled = enabled
