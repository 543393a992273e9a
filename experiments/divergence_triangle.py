"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907).

Learns an energy of x, its sampler (a generator) and an encoder together, without MCMC; a VAE of the same networks is
trained beside it. With config.missing, from incomplete examples.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.methods import TriangleWeights, divergence_triangle
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, require
from ebmjax.training.experiment import Evaluation, Experiment
from experiments import encoders, energy_paths, generators

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


def baselines(config, data_spec):
    """The same generator and encoder as a VAE."""
    return {"vae": encoders.make_vae(config, data_spec)} if config.evaluate.vae_baseline else {}


def evaluate(run):
    """Samples and reconstructions beside the VAE's, missing entries, and the landscape of the energy."""
    train, test = generators.examples(run)
    z, reconstructed = generators.encode_test(run, run.trained, test)
    metrics = {"test_mse": np.mean(np.square(reconstructed - test))}
    others = generators.pca_figures(train, test, z.shape[1])
    for name, other in run.baselines.items():
        others[f"test_mse_{name}"] = np.mean(np.square(generators.encode_test(run, other, test)[1] - test))
    samples, *distances = generators.distances(run, train, test, {"": run.trained} | run.baselines)
    filled = encoders.recovery(run, train, test)
    energy = jax.jit(partial(run.trained.method.functions["data_energy"], run.trained.state))
    landscape = energy_paths.landscape(run, energy, test, z)
    paths = generators.draw(run, "divergence triangle", samples, test, reconstructed, z) + filled[0]
    paths = dict.fromkeys(paths, "") | landscape[0]
    if rows := generators.logged_rows(run):
        metrics |= {name: rows[-1][name] for name in ("energy_gap", "latent_nll")}
    metrics, others = metrics | distances[0] | filled[1] | landscape[1], others | distances[1] | filled[2]
    return Evaluation(metrics, others, protocol(run.config, len(train), len(test)), paths)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    return (
        f"Fréchet distances of {num_train} clipped samples g(z) to the {num_train} training images, over pixels in "
        "[-1, 1] and over the last hidden layer of a small classifier of the labels; _real: test images instead of "
        "samples; _vae: the same generator and encoder as a VAE, trained as long by the same optimisers. test_mse: per "
        f"pixel of {num_test} test images through the encoder's mean; pca_mse: PCA with {config.model.latent_dim} "
        "components. energy_gap, latent_nll: of the last logged steps. "
        f"{energy_paths.protocol(config)} {encoders.recovery_protocol(config)} Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    name="divergence_triangle",
    default_config="configs/divergence_triangle/digits.py",
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=generators.draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
