"""Initial weights of one layer, drawn from the network's own stream."""

import math

import numpy as np
import numpy.typing as npt

from workers.configuration import Initialization

SMALL_DEVIATION = 0.01


def initial_weights(  # noqa: PLR0911 - one per scheme
    initialization: Initialization, fan_in: int, fan_out: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Weights [fan_in, fan_out]; biases start at zero and are not drawn.

    LeCun 1998, Glorot and Bengio 2010, He et al. 2015, Saxe et al. 2014.
    """
    shape = fan_in, fan_out
    fans = max(fan_in + fan_out, 1)
    source = max(fan_in, 1)
    match initialization:
        case Initialization.UNIFORM:
            return rng.uniform(-1.0, 1.0, shape)
        case Initialization.NORMAL:
            return SMALL_DEVIATION * rng.standard_normal(shape)
        case Initialization.ZEROS:
            return np.zeros(shape)
        case Initialization.LECUN_NORMAL:
            return rng.standard_normal(shape) / math.sqrt(source)
        case Initialization.XAVIER_NORMAL:
            return rng.standard_normal(shape) * math.sqrt(2.0 / fans)
        case Initialization.XAVIER_UNIFORM:
            return rng.uniform(-1.0, 1.0, shape) * math.sqrt(6.0 / fans)
        case Initialization.HE_NORMAL:
            return rng.standard_normal(shape) * math.sqrt(2.0 / source)
        case Initialization.HE_UNIFORM:
            return rng.uniform(-1.0, 1.0, shape) * math.sqrt(6.0 / source)
        case Initialization.ORTHOGONAL:
            return _orthogonal(fan_in, fan_out, rng)


def _orthogonal(fan_in: int, fan_out: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Orthonormal columns or rows, whichever are fewer, uniform over all such matrices."""
    if min(fan_in, fan_out) == 0:
        return np.zeros((fan_in, fan_out))
    tall = rng.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))
    return q if fan_in >= fan_out else np.ascontiguousarray(q.T)
