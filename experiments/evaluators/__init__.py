"""The evaluators of `experiments.evaluate` by name; each states the protocol and the error of its figures."""

from collections.abc import Callable

from experiments.evaluators.base import Figure, Measured
from experiments.evaluators.densities import annealed, log_likelihood
from experiments.evaluators.samples import density_pixels, fid, frechet_pixels, kid

EVALUATORS: dict[str, Callable[[Measured], list[Figure]]] = {
    "frechet_pixels": frechet_pixels,
    "density_pixels": density_pixels,
    "fid": fid,
    "kid": kid,
    "log_likelihood": log_likelihood,
    "annealed": annealed,
}
