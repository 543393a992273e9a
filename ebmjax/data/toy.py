"""Toy data sets in the plane: fixed draws, the same at every call, as tables of two columns.

Those with a known density are `ebmjax.energies` targets too: gmm is eight_gaussians(), 8gaussians is
eight_gaussians(2√2, √(1/8)), pinwheel is pinwheel(), and rings is rings() within 0.004 nats (its radii are normal, the
target's are in area). Names that end in _x4 are four times as large.
"""

from collections.abc import Callable

import numpy as np

from ebmjax.data.base import Dataset

NUM_TRAIN, NUM_TEST = 50_000, 10_000

Draw = Callable[[np.random.RandomState, int], np.ndarray]
"""(random, num) -> x[num, 2]."""


def polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Points `[N, 2]` with these polar coordinates, each `[N]`."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def eight_gaussians(radius: float, sd: float) -> Draw:
    """Eight equal modes of standard deviation `sd` on a circle."""

    def draw(random, num):
        centres = polar(np.full(num, radius), 2 * np.pi * random.randint(0, 8, num) / 8)
        return centres + sd * random.randn(num, 2)

    return draw


def rings(random, num):
    """Four equal concentric rings of radius 1, 2, 3, 4 and width 0.15 (Nijkamp et al. 2019, arXiv 1903.12370)."""
    return polar(random.randint(1, 5, num) + 0.15 * random.randn(num), random.uniform(0, 2 * np.pi, num))


def checkerboard(random, num):
    """Uniform on the eight dark squares, of side 2, of a checkerboard on [-4, 4]²: density 1/32 there."""
    column = random.randint(0, 4, num)
    row = 2 * random.randint(0, 2, num) + column % 2
    return 2.0 * (np.stack([column, row], axis=1) + random.uniform(size=(num, 2))) - 4.0


def pinwheel(random, num):
    """Five Gaussian blades (sd 0.3 along, 0.1 across, at distance 1), wound by 0.25 e^r, then scaled by 2.

    Reference: Johnson et al. 2016 (arXiv 1603.06277), with the constants of FFJORD (arXiv 1810.01367).
    """
    along, across = 1.0 + 0.3 * random.randn(num), 0.1 * random.randn(num)
    turn = 2 * np.pi * random.randint(0, 5, num) / 5 + 0.25 * np.exp(along)
    return 2.0 * polar(np.hypot(along, across), np.arctan2(across, along) + turn)


def two_spirals(random, num):
    """Two arms of one and a half turns, each the other's reflection in the origin, with noise of sd 0.1.

    Reference: FFJORD (Grathwohl et al. 2019, arXiv 1810.01367), whose code also adds U(0, 0.5) to the arms.
    """
    t = 3 * np.pi * np.sqrt(random.uniform(size=num))
    arm = t[:, None] * np.stack([-np.cos(t), np.sin(t)], axis=1) + random.uniform(0, 0.5, (num, 2))
    return random.choice([-1, 1], (num, 1)) * arm / 3 + 0.1 * random.randn(num, 2)


TOYS: dict[str, Draw] = {
    "gmm": eight_gaussians(1.0, 0.15),
    "8gaussians": eight_gaussians(2 * np.sqrt(2), np.sqrt(1 / 8)),
    "rings": rings,
    "checkerboard": checkerboard,
    "pinwheel": pinwheel,
    "two_spirals": two_spirals,
    "8gaussians_x4": eight_gaussians(8 * np.sqrt(2), np.sqrt(2)),
    "pinwheel_x4": lambda random, num: 4.0 * pinwheel(random, num),
}
"""name -> how to draw it. gmm and rings as in Nijkamp et al. 2019, the others as in the literature on flows; those four
times as large as in the code of Pang & Wu 2021 (arXiv 2108.11556)."""


def load_toy(name: str) -> Dataset:
    """A toy of `TOYS`: 50,000 points for training and 10,000 for tests, float32 `[N, 2]`, without labels."""
    # RandomState is the generator NumPy promises not to change.
    x = TOYS[name](np.random.RandomState(0), NUM_TRAIN + NUM_TEST).astype(np.float32)
    return Dataset(name, x[:NUM_TRAIN], None, x[NUM_TRAIN:], None, max_value=None)
