"""What `experiments.evaluate` can measure of a trained run, by name: each evaluator says its protocol and its error."""

from collections.abc import Callable

from experiments.density_evaluators import annealed, log_likelihood
from experiments.sample_evaluators import density_pixels, fid, frechet_pixels, kid
from experiments.subjects import Figure, Subject

EVALUATORS: dict[str, Callable[[Subject], list[Figure]]] = {
    "frechet_pixels": frechet_pixels,
    "density_pixels": density_pixels,
    "fid": fid,
    "kid": kid,
    "log_likelihood": log_likelihood,
    "annealed": annealed,
}
