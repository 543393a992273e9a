"""Ways to learn an energy, compared by exact likelihood: the energy is a NICE flow, whose log Z = 0 they do not use.

The same flow is trained as an energy by VERA (Grathwohl, Kelly et al. 2021, arXiv 2010.04230, section 5.1) and by
sliced score matching, and for reference by maximum likelihood. The figures are exact log-likelihoods of test examples,
of pixels or of their logits (config.model.space): two families of densities, whose figures do not compare.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import spec, to_float
from ebmjax.flows import FlowEnergy, dequantize, dequantize_logits, from_logits, quantize
from ebmjax.methods import flow_mle, score_matching, vera
from ebmjax.methods.wrappers import transformed
from ebmjax.report.results import OWN, Figures, merge
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, choose
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.viz import pictures
from experiments.build.flows import flow_of, num_levels
from experiments.build.networks import make_normed_generator
from experiments.build.optimizers import optimizers_of
from experiments.measure.flows import batched_log_prob, gaussian_figures, likelihood_figures
from experiments.measure.history import draw_health

SPACES = {"pixels": dequantize, "logits": dequantize_logits}
"""Values of config.model.space: (rng_key, images, grey levels) -> what the flow sees."""


def in_space(config, data_spec, make_method):
    """The method make_method(num_levels=...): of pixels it adds their noise itself; of logits it is given these."""
    choose(SPACES, config.model.space, "model.space")
    levels = num_levels(data_spec)
    if config.model.space == "pixels" or levels is None:  # tables are continuous already
        return make_method(num_levels=levels)
    return transformed(make_method(num_levels=None), partial(dequantize_logits, num_levels=levels), from_logits)


def space_generator(config, data_spec):
    """VERA's generator: of logits it is unbounded, and a perceptron."""
    generator = make_normed_generator(config, data_spec.shape)
    if config.model.space == "pixels":
        return generator
    name = config.model.generator.name
    if name not in ("mlp", "normed_mlp"):
        raise ConfigError(f"model.generator.name = {name}: of logits only mlp and normed_mlp are unbounded")
    return generator.clone(bounded=False)


def build(config, data_spec):
    """The flow as an energy, by VERA."""
    fields, groups = config.model, ("energy", "generator", "proposal")
    method = partial(
        vera,
        FlowEnergy(flow_of(config, data_spec)),
        space_generator(config, data_spec),
        latent_dim=fields.latent_dim,
        optimizers=optimizers_of(config, data_spec, {name: config.optimizer[name] for name in groups}),
        num_samples=fields.num_samples,
        sigma=fields.sigma,
        sigma_range=fields.sigma_range,
        entropy_weight=fields.entropy_weight,
        gradient_penalty=fields.gradient_penalty,
    )
    return in_space(config, data_spec, method)


def by_likelihood(config, data_spec):
    """The flow by maximum likelihood."""
    optimizers = optimizers_of(config, data_spec, {"flow": config.optimizer.likelihood})
    return in_space(config, data_spec, partial(flow_mle, flow_of(config, data_spec), optimizers=optimizers))


def by_scores(config, data_spec):
    """The flow as an energy, by sliced score matching."""
    optimizers = optimizers_of(config, data_spec, {"energy": config.optimizer.scores})
    energy = FlowEnergy(flow_of(config, data_spec))
    return in_space(config, data_spec, partial(score_matching, energy, optimizers=optimizers))


ARMS = {"likelihood": by_likelihood, "scores": by_scores}


def baselines(config, data_spec):
    """The arms of config.evaluate.arms, trained as long."""
    return {name: choose(ARMS, name, "evaluate.arms")(config, data_spec) for name in config.evaluate.arms}


def flow_params(trained):
    """Parameters of the flow, wherever the method keeps them."""
    params = trained.state.params
    return params["flow"] if "flow" in params else params["energy"]["flow"]


def seen_by_the_flow(run, x):
    """Examples in config.model.space, by a fixed draw of the noise."""
    x, levels = jnp.asarray(to_float(x, run.dataset.max_value)), num_levels(run.dataset)
    return np.asarray(x if levels is None else SPACES[run.config.model.space](run.rng_key, x, levels))


def named_after_space(config, figures: Figures) -> Figures:
    """Of logits, without bits per dimension, and with "_logits" in the names: no table puts them beside those of
    pixels."""
    if config.model.space == "pixels":
        return figures
    logits = lambda found: {f"{name}_logits": value for name, value in found.items() if "bits_per_dim" not in name}
    return {arm: logits(found) for arm, found in figures.items()}


def evaluate(run):
    """Exact log-likelihoods of every arm's flow, beside a Gaussian's, and grids of samples."""
    settings, data = run.config.evaluate, run.dataset
    train, test = (seen_by_the_flow(run, x[: settings.max_examples]) for x in (data.x_train, data.x_test))
    flow, arms = flow_of(run.config, spec(data)), {OWN: run.trained, **run.baselines}
    energy, figures = jax.jit(flow.energy), {}
    for arm, trained in arms.items():
        log_prob = batched_log_prob(partial(energy, flow_params(trained)), settings.batch_size)
        figures[arm] = likelihood_figures(run, log_prob, test=test, train=train)
    figures = named_after_space(run.config, merge(figures, gaussian_figures(run, train, test)))
    shown = draw_images(run, flow, arms) if test.ndim == 4 else {}
    shown |= draw_health(run, f"NICE by VERA on {data.name}", "Health of the training by VERA")
    return Evaluation(figures, protocol(run.config, len(train), len(test)), shown)


def draw_images(run, flow, arms) -> dict:
    """{path: caption} of grids of samples, of the flow of {arm: trained method} and of VERA's generator."""
    shown, sample = {}, jax.jit(flow.sample, static_argnums=2)
    to_images = from_logits if run.config.model.space == "logits" else lambda x: x
    for arm, trained in arms.items():
        path = run.workdir / f"samples_{arm or 'vera'}.png"
        x = sample(flow_params(trained), run.rng_key, 100)
        pictures.save_grid(quantize(to_images(x), num_levels(run.dataset)), path)
        shown[path] = f"Samples of the flow, learned by {arm or 'VERA'}"
    path = run.workdir / "samples_generator.png"
    pictures.save_grid(np.asarray(run.trained.method.sample(run.trained.state, run.rng_key, 100)), path)
    return shown | {path: "Samples of VERA's generator"}


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    space = {
        "pixels": "images are in [-1, 1], dequantised by one draw of uniform noise. bits_per_dim: of the grey levels.",
        "logits": "of logits of the pixels in [0, 1], with one draw of uniform noise and clipped to [.001, .999] (the "
        "published preparation): another family of densities than those of pixels, with atoms where it clips.",
    }[config.model.space]
    return (
        f"log_likelihood: mean of the flow's exact log q in nats over {num_test} test (train_: the first {num_train} "
        f"training) examples; {space} Ours: learned by VERA as an energy; likelihood: by maximum likelihood; scores: "
        f"by sliced score matching, {config.train.num_steps} steps of {config.train.batch_size} examples each; "
        "gaussian: a Gaussian with mean and covariance of those training examples. Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    default_config="configs/nice_likelihood/digits.py",
    limits=lambda config: {"model.num_samples": 1},
    build=build,
    baselines=baselines,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
