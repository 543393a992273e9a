"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907).

Learns an energy of x, its sampler (a generator) and an encoder together, without MCMC; a VAE of the same networks is
trained for comparison. With config.missing the training examples are incomplete.
"""

from functools import partial

import jax

from ebmjax.methods import TriangleWeights, divergence_triangle
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Evaluation, Experiment
from experiments.build.encoded import (
    LIMITS,
    baselines,
    make_networks,
    make_options,
    make_triangle_energy,
)
from experiments.build.missing import with_missing_entries
from experiments.measure import barriers, encoded, images
from experiments.measure.history import last_logged


def build(config, data_spec):
    """The method of a config."""
    if config.evaluate.long_run_steps % 100:
        raise ConfigError(f"evaluate.long_run_steps = {config.evaluate.long_run_steps} must be a multiple of 100")
    model = config.model
    method = divergence_triangle(
        make_triangle_energy(config, data_spec.shape),
        **make_networks(config, data_spec.shape),
        weights=TriangleWeights(model.kl_weight, model.latent_weight, model.noisy_samples),
        **make_options(config, data_spec),
    )
    return with_missing_entries(config, data_spec, method)


def evaluate(run):
    """Samples and reconstructions beside the VAE's, missing entries, and the landscape of the energy."""
    train, test = images.examples(run)
    z, figures, shown = encoded.common_figures(run, train, test, "divergence triangle")
    energy = jax.jit(partial(run.trained.method.functions["data_energy"], run.trained.state))
    landscape, drawn = barriers.landscape(run, energy, test, z)
    figures = merge(figures, {OWN: last_logged(run, "energy_gap", "latent_nll")}, {OWN: landscape})
    return Evaluation(figures, protocol(run.config, len(train), len(test)), shown | drawn)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    return (
        f"{encoded.common_protocol(config, num_train, num_test)} "
        "energy_gap, latent_nll: of the last logged steps. "
        f"{barriers.protocol(config)} Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/divergence_triangle/digits.py",
    limits=lambda config: LIMITS | barriers.LIMITS | {"model.latent_weight": 0},
    build=build,
    baselines=baselines,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
