"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907).

Learns an energy of x, its sampler (a generator) and an encoder together, without MCMC; a VAE of the same networks is
trained beside it. With config.missing, from incomplete examples.
"""

from functools import partial

import jax

from ebmjax.methods import TriangleWeights, divergence_triangle
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, require
from ebmjax.training.experiment import Evaluation, Experiment
from experiments import encoder_figures, encoders, energy_paths, generators

LOWEST = {
    "model.latent_weight": 0,
    "evaluate.num_paths": 1,
    "evaluate.num_points": 3,
    "evaluate.num_chains": 2,
    "evaluate.long_run_steps": 100,
    "evaluate.mala.num_steps": 0,
}


def build(config, data_spec):
    """The method of a config."""
    encoders.check(config)
    for field, low in LOWEST.items():
        require(config, field, low)
    if config.evaluate.long_run_steps % 100:
        raise ConfigError(f"evaluate.long_run_steps = {config.evaluate.long_run_steps} must be a multiple of 100")
    model = config.model
    method = divergence_triangle(
        encoders.make_triangle_energy(config, data_spec.shape),
        **encoders.make_networks(config, data_spec.shape),
        weights=TriangleWeights(model.kl_weight, model.latent_weight, model.noisy_samples),
        **encoders.make_options(config, data_spec),
    )
    return encoders.conceal(config, data_spec, method)


def evaluate(run):
    """Samples and reconstructions beside the VAE's, missing entries, and the landscape of the energy."""
    train, test = generators.examples(run)
    z, metrics, others, paths = encoder_figures.common_figures(run, train, test, "divergence triangle")
    energy = jax.jit(partial(run.trained.method.functions["data_energy"], run.trained.state))
    landscape = energy_paths.landscape(run, energy, test, z)
    paths = dict.fromkeys(paths, "") | landscape[0]
    if rows := generators.logged_rows(run):
        metrics |= {name: rows[-1][name] for name in ("energy_gap", "latent_nll")}
    return Evaluation(metrics | landscape[1], others, protocol(run.config, len(train), len(test)), paths)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    return (
        f"{encoder_figures.common_protocol(config, num_train, num_test)} "
        "energy_gap, latent_nll: of the last logged steps. "
        f"{energy_paths.protocol(config)} Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    name="divergence_triangle",
    default_config="configs/divergence_triangle/digits.py",
    build=build,
    baselines=encoders.baselines,
    evaluate=evaluate,
    draw_samples=generators.draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
