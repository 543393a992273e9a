"""The table of targets by name."""

from collections.abc import Callable
from functools import partial

from ebmjax.energies.analytic import Target, eight_gaussians, gaussian, mixture, standard_gaussian
from ebmjax.energies.bayesian import breast_cancer, eight_schools, stochastic_volatility
from ebmjax.energies.landscapes import banana, double_well, funnel, many_well, rings
from ebmjax.energies.lattice import phi_four

TARGETS: dict[str, Callable[..., Target]] = {
    "gauss100": partial(standard_gaussian, 100),
    "gaussian": partial(gaussian, (1.0, -1.0), ((1.0, 0.8), (0.8, 2.0))),
    "mixture": partial(mixture, ((-2.0, 0.0), (1.0, 1.0), (0.0, -1.5)), (0.5, 1.0, 0.3), (0.2, 0.5, 0.3)),
    "eight_gaussians": eight_gaussians,
    "rings": rings,
    "funnel": funnel,
    "banana": banana,
    "double_well": double_well,
    "many_well": many_well,
    "phi_four": phi_four,
    "eight_schools": eight_schools,
    "eight_schools_centred": partial(eight_schools, centred=True),
    "breast_cancer": breast_cancer,
    "stochastic_volatility": stochastic_volatility,
}
"""name -> constructor, callable without arguments: the table of the contract tests and benchmarks."""
