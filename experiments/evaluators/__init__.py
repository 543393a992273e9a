"""The evaluators of `experiments.evaluate` by name; each states the protocol and the error of its figures."""

from experiments.evaluators import densities, samples
from experiments.evaluators.base import Evaluator

EVALUATORS = {
    "frechet_pixels": Evaluator(samples.check_frechet_pixels, samples.frechet_pixels),
    "density_pixels": Evaluator(samples.check_density_pixels, samples.density_pixels),
    "fid": Evaluator(samples.check_fid, samples.fid),
    "kid": Evaluator(samples.check_kid, samples.kid),
    "inception_score": Evaluator(samples.check_inception_score, samples.score),
    "log_likelihood": Evaluator(densities.check_log_likelihood, densities.log_likelihood),
    "annealed": Evaluator(densities.check_annealed, densities.annealed),
}
