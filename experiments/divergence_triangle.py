"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907).

Learns an energy of x, its sampler (a generator) and an encoder together, without MCMC. A VAE of the same generator and
encoder is trained for comparison, and on demand the paper's other opponents: wake-sleep, ALI and ALICE. With
config.missing the training examples are incomplete.
"""

from functools import partial

import jax

from ebmjax.methods import TriangleWeights, ali, divergence_triangle, wake_sleep
from ebmjax.nets import JointConvEnergy, JointMLPEnergy
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.config import choose
from ebmjax.training.experiment import Evaluation, Experiment
from experiments.build import encoded as encoded_build
from experiments.build.encoded import (
    LIMITS,
    make_networks,
    make_options,
    make_triangle_energy,
)
from experiments.build.missing import with_missing_entries
from experiments.measure import barriers, encoded, images
from experiments.measure.history import last_logged
from experiments.measure.long_chains import check_lengths


def build(config, data_spec):
    """The method of a config."""
    check_lengths(config)
    model = config.model
    method = divergence_triangle(
        make_triangle_energy(config, data_spec.shape),
        **make_networks(config, data_spec.shape),
        weights=TriangleWeights(model.kl_weight, model.latent_weight, model.noisy_samples),
        **make_options(config, data_spec),
    )
    return with_missing_entries(config, data_spec, method)


def make_discriminator(config, shape):
    """The log-odds of (x, z) for ALI: the kind and the widths of config.model.energy, which is one of x."""
    fields = config.model.energy
    nets = {
        "mlp": lambda: JointMLPEnergy(fields.widths, "identity"),
        "dcgan": lambda: JointConvEnergy(fields.width, "identity"),
    }
    return choose(nets, fields.name, "model.energy.name")()


def make_ali(config, data_spec, weight):
    """ALI, or ALICE with the weight 1 of the squared error, of the same generator and encoder."""
    networks, options = make_networks(config, data_spec.shape), make_options(config, data_spec)
    return ali(make_discriminator(config, data_spec.shape), **networks, **options, weight=weight)


def make_wake_sleep(config, data_spec):
    """Wake-sleep of the same generator and encoder."""
    options = make_options(config, data_spec)
    del options["optimizers"]["energy"]
    return wake_sleep(**make_networks(config, data_spec.shape), **options)


OPPONENTS = {
    "wake_sleep": make_wake_sleep,
    "ali": partial(make_ali, weight=0.0),
    "alice": partial(make_ali, weight=1.0),
}
"""name -> (config, DataSpec) -> Method: arms that config.evaluate.opponents may name, beside the VAE."""


OPPONENTS_TOLD = "wake_sleep, ali, alice: the same generator and encoder trained as long by these methods. "


def baselines(config, data_spec):
    """The VAE and the opponents, trained as long by the same optimisers on the same, perhaps incomplete, examples."""
    names = config.evaluate.get("opponents", ())  # runs of earlier versions have no such field
    made = {name: choose(OPPONENTS, name, "evaluate.opponents")(config, data_spec) for name in names}
    opponents = {name: with_missing_entries(config, data_spec, method) for name, method in made.items()}
    return encoded_build.baselines(config, data_spec) | opponents


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
        f"{OPPONENTS_TOLD if config.evaluate.get('opponents') else ''}"
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
