"""Joint training of a VAE and an energy of x and z (Han et al. 2020, arXiv 2006.06059).

The energy learns to tell data with their inferred z from generated examples with theirs; a VAE of the same networks is
trained for comparison. Anomaly detection: experiments.anomaly --config=configs/anomaly/digits_vae_latent_ebm.py.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.methods import vae_latent_ebm
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.experiment import Evaluation, Experiment
from experiments.build.encoded import (
    LIMITS,
    baselines,
    make_joint_energy,
    make_networks,
    make_options,
)
from experiments.build.missing import with_missing_entries
from experiments.measure import encoded, images


def build(config, data_spec):
    """The method of a config."""
    method = vae_latent_ebm(
        make_joint_energy(config, data_spec.shape),
        **make_networks(config, data_spec.shape),
        weight=config.model.weight,
        **make_options(config, data_spec),
    )
    return with_missing_entries(config, data_spec, method)


def energies(run, pairs):
    """{"energy_<name>": mean E(x, z)} of {name: (x, z)}."""
    energy = jax.jit(lambda pair: run.trained.method.functions["joint_energy"](run.trained.state, *pair))
    size = run.config.evaluate.batch_size
    return {f"energy_{name}": np.mean(map_batches(energy, pair, size)) for name, pair in pairs.items()}


def evaluate(run):
    """Samples and reconstructions beside the VAE's, and the energy of pairs (x, z) that belong together or do not."""
    method, state = run.trained
    train, test = images.examples(run)
    z, figures, shown = encoded.common_figures(run, train, test, "VAE and latent EBM")
    drawn = np.asarray(method.functions["sample_latent"](state, run.rng_key, len(test)))
    decode = jax.jit(partial(method.functions["decode"], state))
    generated = map_batches(decode, drawn, run.config.evaluate.batch_size)
    pairs = {"data": (test, z), "generated": (generated, drawn), "shuffled": (test, np.roll(z, 1, axis=0))}
    figures = merge(figures, {OWN: energies(run, pairs)})
    return Evaluation(figures, protocol(run.config, len(train), len(test)), shown)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    return (
        f"{encoded.common_protocol(config, num_train, num_test)} "
        "energy_data: mean E(x, z) of test examples with their encoder's mean; energy_generated: of "
        "generated examples with their z; energy_shuffled: of test examples with the z of others. "
        "Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/vae_latent_ebm/digits.py",
    limits=lambda config: LIMITS | {"model.weight": 0},
    build=build,
    baselines=baselines,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
