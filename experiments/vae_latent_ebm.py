"""Joint training of a VAE and an energy of x and z (Han et al. 2020, arXiv 2006.06059).

The energy learns to tell data with their inferred z from generated examples with theirs; a VAE of the same networks is
trained beside it. Anomaly detection with it: experiments.anomaly --config=configs/anomaly/digits_vae_latent_ebm.py.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.methods import vae_latent_ebm
from ebmjax.training import cli
from ebmjax.training.config import require
from ebmjax.training.experiment import Evaluation, Experiment
from experiments import encoder_figures, encoders, generators


def build(config, data_spec):
    """The method of a config."""
    encoders.check(config)
    require(config, "model.weight", 0)
    method = vae_latent_ebm(
        encoders.make_joint_energy(config, data_spec.shape),
        **encoders.make_networks(config, data_spec.shape),
        weight=config.model.weight,
        **encoders.make_options(config, data_spec),
    )
    return encoders.conceal(config, data_spec, method)


def energies(run, pairs):
    """{"energy_<name>": mean E(x, z)} of {name: (x, z)}."""
    energy = jax.jit(lambda pair: run.trained.method.functions["joint_energy"](run.trained.state, *pair))
    size = run.config.evaluate.batch_size
    return {f"energy_{name}": np.mean(map_batches(energy, pair, size)) for name, pair in pairs.items()}


def evaluate(run):
    """Samples and reconstructions beside the VAE's, and what the energy makes of pairs that belong together or not."""
    method, state = run.trained
    train, test = generators.examples(run)
    z, metrics, others, paths = encoder_figures.common_figures(run, train, test, "VAE and latent EBM")
    drawn = np.asarray(method.functions["sample_latent"](state, run.rng_key, len(test)))
    decode = jax.jit(partial(method.functions["decode"], state))
    generated = map_batches(decode, drawn, run.config.evaluate.batch_size)
    pairs = {"data": (test, z), "generated": (generated, drawn), "shuffled": (test, np.roll(z, 1, axis=0))}
    metrics |= energies(run, pairs)
    return Evaluation(metrics, others, protocol(run.config, len(train), len(test)), paths)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    return (
        f"{encoder_figures.common_protocol(config, num_train, num_test)} "
        "energy_data: mean E(x, z) of test examples with their encoder's mean; energy_generated: of "
        "generated examples with their z; energy_shuffled: of test examples with the z of others. "
        "Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    name="vae_latent_ebm",
    default_config="configs/vae_latent_ebm/digits.py",
    build=build,
    baselines=encoders.baselines,
    evaluate=evaluate,
    draw_samples=generators.draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
