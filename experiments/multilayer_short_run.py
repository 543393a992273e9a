"""Short-run inference of a multi-layer generator with a learned step size (Nijkamp et al. 2020, arXiv 1912.01909).

Learns the generator with K Langevin steps from fresh noise as its only inference, and the size of these steps so that
they end close to the posterior. The same generator can be trained beside it as a VAE and as a ladder VAE.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.mcmc import langevin
from ebmjax.methods import multilayer_short_run
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Evaluation, Experiment, Trained
from ebmjax.viz.chains import plot_step_sizes
from experiments.build import missing, multilayer_vae, step_size_search
from experiments.build.chains import one_step_size
from experiments.build.networks import make_multilayer_generator
from experiments.build.optimizers import optimizers_of
from experiments.build.step_size_search import make_search
from experiments.measure import images, layers
from experiments.measure.missing import lacking

LIMITS = (
    multilayer_vae.LIMITS
    | step_size_search.LIMITS
    | {
        "model.latent_dims": 1,
        "model.generator.features": 1,
        "sampler.posterior.num_steps": 1,
        "sampler.posterior.noise_scale": 0,
        "evaluate.num_divergence_examples": 1,
        "evaluate.other_start": 0,
        "evaluate.hidden.fraction": (0, 0.99),
        "evaluate.hidden.size": 1,
    }
)


def build(config, data_spec, *, objective=None, step_size=None, learned=True):
    """The method of a config; `objective` replaces search.objective, and `step_size` replaces
    sampler.posterior.step_size. Unless `learned`, the step size is fixed."""
    posterior = config.sampler.posterior
    if one_step_size(config, "posterior") <= 0:
        raise ConfigError(f"sampler.posterior.step_size = {posterior.step_size} must be > 0")
    missing.make_mask(config, data_spec.shape, "evaluate.hidden")  # refused here, before the training
    search = make_search(config, objective or config.search.objective) if learned else None
    optimizers = optimizers_of(config, data_spec, {"generator": config.optimizer.generator})
    if search is not None and not search.grid:  # it takes one step per search
        group, num_searches = {"log_step_size": config.optimizer.log_step_size}, config.train.num_steps // search.every
        optimizers |= optimizers_of(config, data_spec, group, num_steps=num_searches)
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
    """The same generator trained as long as a VAE and as a ladder VAE, with the published objective, and with the
    search started elsewhere."""
    made, settings = multilayer_vae.vaes(config, data_spec), config.evaluate
    if settings.fixed_noise_baseline and config.search.objective != "fixed_noise":
        made["fixed_noise_trained"] = build(config, data_spec, objective="fixed_noise")
    if settings.other_start:
        made["other_start"] = build(config, data_spec, step_size=settings.other_start)
    return made


def later_baselines(config, data_spec, trained):
    """The same generator trained as long with a third and three times the learned step sizes, fixed."""
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
    """(step sizes, {curve: its value at each}): both objectives and the test error, all layers' steps scaled alike."""
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
    """Reconstructions at the learned step size and at others, Fréchet distances, inpainting, layers, and pictures."""
    train, test = images.examples(run)
    arms, shown = step_size_arms(run, train, test)
    arms |= run.baselines
    z, reconstructed = images.encode_test(run, run.trained, test)
    samples, distances = images.sample_figures(run, train, test, {OWN: run.trained} | run.baselines)
    filled, inpainted = images.inpainting(run, train, test, observed(run.config, test))
    figures = merge(
        {OWN: {"reconstruction_mse": images.squared_error(reconstructed, test)}},
        images.reconstruction_figures(run, test, arms, "reconstruction_mse"),
        step_size_figures({OWN: run.trained} | arms),
        images.pca_figures(train, test, sum(run.config.model.latent_dims), "reconstruction_mse"),
        distances,
        inpainted,
        layers.variances(run, len(test)),
    )
    drawn = images.draw(run, "multi-layer short-run inference", samples, test, reconstructed, z)
    shown = drawn | filled | layers.traversals(run) | shown
    return Evaluation(figures, protocol(run.config, len(train), len(test)), shown)


def step_size_figures(arms):
    """{arm: {"step_size": its}} of {arm: trained method}, of those that infer by steps."""
    return {arm: {"step_size": step_size(m)} for arm, m in arms.items() if "log_step_size" in m.state.params}


def step_size_arms(run, train, test):
    """({arm: the same generator with another step size}, {picture: caption}); nothing without evaluate.step_sizes."""
    if not run.config.evaluate.step_sizes:
        return {}, {}
    learned = step_size(run.trained)
    steps, curves = sweep(run, train, test)
    published = float(steps[np.nanargmin(curves["fixed_noise"])])
    path, picked = run.workdir / "step_size.png", {"learned": learned, "fixed noise, same generator": published}
    plot_step_sizes(steps, curves, picked, path, title=f"trained generator on {run.dataset.name}")
    factors = {"third_step": 1 / 3, "triple_step": 3.0, "fixed_noise_step": published / learned}
    return {arm: scaled(run.trained, factor) for arm, factor in factors.items()}, {path: ""}


def observed(config, test):
    """Bool like test, the pixels that inpainting sees; None for the upper half, and for tables."""
    mask_of = missing.make_mask(config, test.shape[1:], "evaluate.hidden") if test.ndim == 4 else None
    return None if mask_of is None else np.asarray(mask_of(np.arange(len(test))))


def described_arms(config):
    """Words for the arms that a run with this config has."""
    start, settings, found = config.sampler.posterior.step_size, config.evaluate, []
    if settings.vae_baseline or settings.ladder_vae_baseline:
        found.append(
            "vae, ladder_vae: the same generator trained for as many iterations as a variational auto-encoder, whose "
            "encoder infers all layers at once, or from the top down; reconstructions through q's means"
        )
    if settings.step_sizes:
        found.append("third_step, triple_step: the same generator with a third and three times the learned step size")
        found.append("fixed_noise_step: that generator with the step size which the published objective picks for it")
    if settings.retrained_baselines:
        found.append("third_retrained, triple_retrained: generators trained as long with these step sizes fixed")
    if settings.other_start:
        found.append(f"other_start: a training whose search starts at {settings.other_start:g}, not {start:g}")
    if settings.fixed_noise_baseline:
        found.append("fixed_noise_trained: a generator trained with step sizes of the published objective")
    return "; ".join([*found, "pca: PCA with as many components as there are latents"])


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    search, posterior, hidden = config.search, config.sampler.posterior, config.evaluate.hidden
    how = f"learned by the objective {search.objective} from a start of" if search.every else "fixed at"
    parts = (lacking(hidden), "the rest of the image") if hidden.name else ()
    return (
        f"reconstruction_mse: per pixel, one short-run sample ({posterior.num_steps} steps from N(0, I)) of {num_test} "
        f"test images, at the step size {how} {posterior.step_size:g}. {described_arms(config)}. step_size: geometric "
        f"mean over the layers. {images.frechet_protocol(num_train, num_test)} "
        f"{images.inpainting_protocol(config, *parts)} {layers.PROTOCOL} Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/multilayer_short_run/digits.py",
    limits=lambda config: LIMITS,
    build=build,
    baselines=baselines,
    later_baselines=later_baselines,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
