"""The model of all servers here: 0.5 a - 0.25 b + 2 c of three columns."""

import numpy as np

WEIGHTS = np.array([0.5, -0.25, 2.0])


def score(rows):
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ValueError(f"expected [-1, 3], got {list(rows.shape)}")
    return rows @ WEIGHTS
