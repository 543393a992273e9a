"""Short-run inference of a multi-layer generator with a learned step size (Nijkamp et al. 2020, arXiv 1912.01909).

Learns the generator with K Langevin steps from fresh noise as its only inference, and the size of these steps by how
close they come to the posterior.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.mcmc import langevin
from ebmjax.methods import StepSizeSearch, multilayer_short_run
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, require
from ebmjax.training.experiment import Evaluation, Experiment, Trained
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz.step_size import plot_step_sizes
from experiments import generators
from experiments.pieces import make_multilayer_generator

LOWEST = {
    "model.latent_dims": 1,
    "model.generator.widths": 1,
    "sampler.posterior.num_steps": 1,
    "sampler.posterior.noise_scale": 0,
    "search.every": 0,
    "search.num_examples": 1,
    "search.num_chains": 1,
    "search.num_fixed_noise_chains": 1,
    "search.num_log_det_terms": 0,
    "search.width": 0,
    "optimizer.generator.learning_rate": 0,
    "optimizer.log_step_size.learning_rate": 0,
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.feature_steps": 0,
    "evaluate.num_divergence_examples": 1,
    "evaluate.inpainting_samples": 1,
    "evaluate.other_start": 0,
}


def make_search(config, objective):
    """How the step size is learned by `objective`; None where search.every is 0."""
    fields = config.search
    if not fields.every:
        return None
    num_chains = fields.num_fixed_noise_chains if objective == "fixed_noise" else fields.num_chains
    return StepSizeSearch(
        objective,
        fields.every,
        tuple(fields.grid),
        fields.width,
        fields.num_examples,
        num_chains,
        fields.num_log_det_terms,
    )


def build(config, data_spec, *, objective=None, step_size=None, learned=True):
    """The method of a config; `objective` in the place of search.objective, `step_size` in that of the posterior's
    start, kept as it is unless it is to be `learned`."""
    for field, low in LOWEST.items():
        require(config, field, low)
    posterior, num_steps = config.sampler.posterior, config.train.num_steps
    if posterior.step_size <= 0:
        raise ConfigError(f"sampler.posterior.step_size = {posterior.step_size} must be > 0")
    search = make_search(config, objective or config.search.objective) if learned else None
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    groups = config.optimizer.to_dict()
    by_gradient = {"log_step_size": groups.pop("log_step_size")}
    optimizers = make_optimizers(groups, num_steps, steps_per_epoch)
    if search is not None and not search.grid:  # a step of this optimiser is a search
        optimizers |= make_optimizers(by_gradient, num_steps // search.every, steps_per_epoch)
    return multilayer_short_run(
        make_multilayer_generator(config, data_spec.shape),
        make_kernel=partial(langevin, noise_scale=posterior.noise_scale),
        num_steps=posterior.num_steps,
        step_size=step_size or posterior.step_size,
        optimizers=optimizers,
        sigma=config.model.sigma,
        latent_dim={f"z{i}": dim for i, dim in enumerate(config.model.latent_dims, start=1)},
        search=search,
    )


def baselines(config, data_spec):
    """The same generator trained as long with the published objective, and with the search started elsewhere."""
    made, settings = {}, config.evaluate
    if settings.fixed_noise_baseline and config.search.objective != "fixed_noise":
        made["fixed_noise_trained"] = build(config, data_spec, objective="fixed_noise")
    if settings.other_start:
        made["other_start"] = build(config, data_spec, step_size=settings.other_start)
    return made


def later_baselines(config, data_spec, trained):
    """The same generator trained as long with a third and three times the learned step sizes, which stay."""
    if not config.evaluate.retrained_baselines:
        return {}
    learned = trained.method.functions["step_size"](trained.state)
    times = lambda factor: jax.tree.map(lambda s: factor * s, learned)
    retrained = lambda factor: build(config, data_spec, step_size=times(factor), learned=False)
    return {"third_retrained": retrained(1 / 3), "triple_retrained": retrained(3.0)}


def scaled(trained, factor):
    """The same generator with `factor` times the step size."""
    params = trained.state.params
    other = jax.tree.map(lambda log_s: log_s + np.float32(np.log(factor)), params["log_step_size"])
    return Trained(trained.method, trained.state._replace(params=params | {"log_step_size": other}))


def step_size(trained):
    """The geometric mean of the layers' step sizes."""
    return float(np.exp(np.mean(jax.tree.leaves(trained.state.params["log_step_size"]))))


def sweep(run, train, test):
    """(step sizes, {curve: its value at each}) of the trained generator: both objectives, and the error of test images.

    All layers keep their proportions.
    """
    config, (method, _) = run.config, run.trained
    examples = jnp.asarray(train[: config.evaluate.num_divergence_examples])
    divergence = jax.jit(method.functions["divergence"], static_argnums=(3, 4, 5))
    errors = jax.jit(lambda state, key, x: method.evaluate(state, key, {"x": x})["reconstruction_mse"])
    num = {"marginal": config.search.num_chains, "fixed_noise": config.search.num_fixed_noise_chains}
    curves = {"marginal": [], "fixed_noise": [], "reconstruction_mse": []}
    for s in config.evaluate.step_sizes:
        state = scaled(run.trained, s / step_size(run.trained)).state
        for objective, num_chains in num.items():
            options = objective, num_chains, config.search.num_log_det_terms
            curves[objective].append(float(divergence(state, run.rng_key, examples, *options)))
        batches = map_batches(partial(errors, state), test, config.evaluate.batch_size, rng_key=run.rng_key)
        curves["reconstruction_mse"].append(float(np.mean(batches)))
    return np.array(config.evaluate.step_sizes), {name: np.array(values) for name, values in curves.items()}


def evaluate(run):
    """Reconstructions at the learned step size and at others, Fréchet distances, inpainting, and their pictures."""
    train, test = generators.examples(run)
    learned = step_size(run.trained)
    steps, curves = sweep(run, train, test)
    published = float(steps[np.nanargmin(curves["fixed_noise"])])
    others = {"third_step": 1 / 3, "triple_step": 3.0, "fixed_noise_step": published / learned}
    arms = {name: scaled(run.trained, factor) for name, factor in others.items()} | run.baselines
    z, reconstructed = generators.encode_test(run, run.trained, test)
    error = lambda x: np.mean(np.square(x - test))
    metrics = {"reconstruction_mse": error(reconstructed), "step_size": learned}
    baselines = {
        f"reconstruction_mse_{name}": error(generators.encode_test(run, arm, test)[1]) for name, arm in arms.items()
    }
    baselines |= {f"step_size_{name}": step_size(arm) for name, arm in arms.items()}
    baselines |= generators.pca_figures(train, test, sum(run.config.model.latent_dims))
    sampled = generators.distances(run, train, test, {"": run.trained} | run.baselines)
    filled = generators.inpainting(run, train, test)
    paths = generators.draw(run, "multi-layer short-run inference", sampled[0], test, reconstructed, z) + filled[0]
    paths.append(run.workdir / "step_size.png")
    picked = {"learned": learned, "fixed noise, same generator": published}
    plot_step_sizes(steps, curves, picked, paths[-1], title=f"trained generator on {run.dataset.name}")
    metrics, baselines = metrics | sampled[1] | filled[1], baselines | sampled[2] | filled[2]
    return Evaluation(metrics, baselines, protocol(run.config, len(train), len(test)), paths)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    search, num_steps = config.search, config.sampler.posterior.num_steps
    return (
        f"reconstruction_mse: per pixel, one short-run sample ({num_steps} steps from N(0, I)) of {num_test} test "
        f"images, at the step size learned by the objective {search.objective} from a start of "
        f"{config.sampler.posterior.step_size:g}; _other_start: of a training whose search starts at "
        f"{config.evaluate.other_start:g}; _third_step, _triple_step: the same generator with a third and three times "
        "the learned step size; _third_retrained, _triple_retrained: generators trained as long with these step sizes "
        "fixed; _fixed_noise_step: the same generator with the step size that the published objective picks for it; "
        "_fixed_noise_trained: a generator trained with step sizes of the published objective. step_size: geometric "
        f"mean over the layers. Fréchet distances of {num_train} clipped samples to the {num_train} training images, "
        "over pixels in [-1, 1] and over the last hidden layer of a small classifier of the labels; _real: test images "
        f"instead of samples. {generators.inpainting_protocol(config)} pca_mse: PCA with as "
        "many components as there are latents. Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    name="multilayer_short_run",
    default_config="configs/multilayer_short_run/digits.py",
    build=build,
    baselines=baselines,
    later_baselines=later_baselines,
    evaluate=evaluate,
    draw_samples=generators.draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
