"""Known laws in the plane, and figures and pictures of a learned energy and its samples against them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.diagnostics import mode_occupancy, mode_sd, nearest_mode
from ebmjax.energies import Target, eight_gaussians, pinwheel, rings
from ebmjax.evaluation import Grid, grid_kl, grid_log_density, kernel_density, square_grid
from ebmjax.types import Array, Potential


class Toy(NamedTuple):
    """A law in the plane with known, equally likely modes.

    target: the law. coordinate, centres: x`[N, 2]` belongs to the mode whose centre `[K, D]` is nearest to
    coordinate(x) `[N, D]`. limit: the picture is [-limit, limit]². bandwidth: of kernel estimates, in x.
    """

    target: Target
    coordinate: Callable[[Array], Array]
    centres: np.ndarray
    limit: float
    bandwidth: float

    @property
    def grid(self) -> Grid:
        """200 x 200 cells that cover the picture."""
        return square_grid(self.limit)


def unwound(x: Array, scale: float) -> Array:
    """Directions `[N, 2]` of the blades of a pinwheel of that scale, which are five equidistant ones: x`[N, 2]`."""
    radius = jnp.linalg.norm(x, axis=1) / scale
    angle = jnp.arctan2(x[:, 1], x[:, 0]) - 0.25 * jnp.exp(radius)
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)


def directions(num: int) -> np.ndarray:
    """`num` equidistant points on the unit circle, from (1, 0) on: `[num, 2]`."""
    angles = 2 * np.pi * np.arange(num) / num
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


TOYS = {
    "gmm": Toy(eight_gaussians(), lambda x: x, directions(8), limit=1.6, bandwidth=0.07),
    # As in the literature on flows; sd .354.
    "8gaussians": Toy(
        eight_gaussians(2 * np.sqrt(2), np.sqrt(1 / 8)),
        lambda x: x,
        2 * np.sqrt(2).astype(np.float32) * directions(8),
        limit=5.0,
        bandwidth=0.12,
    ),
    # Its modes are rings: only the radius counts.
    "rings": Toy(
        rings(),
        partial(jnp.linalg.norm, axis=1, keepdims=True),
        np.arange(1, 5, dtype=np.float32)[:, None],
        limit=4.6,
        bandwidth=0.145,
    ),
    # Modes are blades: only the direction counts, once unwound.
    "pinwheel": Toy(pinwheel(), partial(unwound, scale=2.0), directions(5), limit=5.0, bandwidth=0.1),
    "8gaussians_x4": Toy(
        eight_gaussians(8 * np.sqrt(2), np.sqrt(2)),
        lambda x: x,
        8 * np.sqrt(2).astype(np.float32) * directions(8),
        limit=20.0,
        bandwidth=0.48,
    ),
    "pinwheel_x4": Toy(pinwheel(8.0), partial(unwound, scale=8.0), directions(5), limit=20.0, bandwidth=0.4),
}
"""By the name of the data set; grids and bandwidths of gmm and rings as in Nijkamp et al. 2020 (arXiv 1903.12370)."""


def grid_of(dataset) -> Grid:
    """The grid of the picture: that of the known law, else one that covers the test points `[N, 2]`."""
    toy = TOYS.get(dataset.name)
    return square_grid(1.05 * float(np.abs(dataset.x_test).max())) if toy is None else toy.grid


def density_pictures(log_densities: Mapping[str, Array], grid: Grid) -> dict[str, np.ndarray]:
    """{name: density `[num, num]`} of {name: log-density on the grid}."""
    return {name: np.exp(log).reshape(grid.num, grid.num) for name, log in log_densities.items()}


@jax.jit
def error_and_sd(x, centres, weights):
    """Largest error of the modes' shares, which should be equal, and the standard deviation within modes."""
    shares = mode_occupancy(nearest_mode(x, centres), len(centres), weights)
    return jnp.max(jnp.abs(shares - 1 / len(centres))), mode_sd(x, centres, weights)


def mode_figures(toy: Toy, name: str, x, weights=None) -> dict[str, Array]:
    """`error_and_sd` of draws x`[N, 2]`, or of points with weights `[N]`, as figures named after `name`."""
    error, sd = error_and_sd(toy.coordinate(jnp.asarray(x)), toy.centres, weights)
    return {f"{name}_occupancy_max_error": error, f"{name}_mode_sd": sd}


def toy_figures(toy: Toy, potential: Potential, draws: Mapping[str, Array]) -> dict[str, Array]:
    """KL(true || exp(-potential)) in nats on the picture's grid; modes of exp(-potential), and of {name: x[N, 2]}."""
    log_true, log_model = (grid_log_density(energy, toy.grid) for energy in (toy.target.energy, potential))
    figures = {"kl_true_model": grid_kl(log_true, log_model, toy.grid)}
    figures |= mode_figures(toy, "energy", toy.grid.x, jnp.exp(log_model))
    for name, x in draws.items():
        figures |= mode_figures(toy, name, x)
    return figures


def toy_densities(toy: Toy, potential: Potential, samples: Array) -> dict[str, np.ndarray]:
    """The law, exp(-potential) and a kernel estimate of samples `[N, 2]`, as pictures `[200, 200]`."""
    found = {
        "data (true density)": jnp.exp(grid_log_density(toy.target.energy, toy.grid)),
        "model, exp(-E / T)": jnp.exp(grid_log_density(potential, toy.grid)),
        "samples of the training chain": kernel_density(jnp.asarray(samples), toy.grid, toy.bandwidth),
    }
    return {name: np.reshape(density, (toy.grid.num, toy.grid.num)) for name, density in found.items()}
