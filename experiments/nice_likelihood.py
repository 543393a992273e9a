"""What a way of learning energies is worth in likelihood: NICE, whose log Z is 0, learned as if that were unknown.

The same flow is trained by VERA, which sees it as an energy (Grathwohl, Kelly et al. 2021, arXiv 2010.04230, section
5.1), by maximum likelihood, the best there is, and by sliced score matching. Its exact log-likelihood on test examples
then says what each way has learned.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.data import spec
from ebmjax.evaluation import map_batches
from ebmjax.flows import FlowEnergy, quantize
from ebmjax.methods import flow_mle, score_matching, vera
from ebmjax.training import cli
from ebmjax.training.config import choose, require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import health, pictures
from experiments.flow import continuous, figures_of, flow_of, gaussian_log_prob, num_levels
from experiments.generators import logged_rows
from experiments.pieces import make_generator

LOWEST = {
    "model.latent_dim": 1,
    "model.num_samples": 1,
    "model.generator.widths": 1,
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
}


def optimizers_of(config, data_spec, groups: dict):
    """{group: the optimiser of config.optimizer.<name>} of {group: name}."""
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    fields = {group: config.optimizer[name] for group, name in groups.items()}
    return make_optimizers(fields, config.train.num_steps, steps_per_epoch)


def build(config, data_spec):
    """The flow as an energy, by VERA."""
    for field, low in LOWEST.items():
        require(config, field, low)
    fields = config.model
    return vera(
        FlowEnergy(flow_of(config, data_spec)),
        make_generator(config, data_spec.shape),
        latent_dim=fields.latent_dim,
        optimizers=optimizers_of(config, data_spec, {name: name for name in ("energy", "generator", "proposal")}),
        num_samples=fields.num_samples,
        sigma=fields.sigma,
        sigma_range=fields.sigma_range,
        entropy_weight=fields.entropy_weight,
        gradient_penalty=fields.gradient_penalty,
        num_levels=num_levels(data_spec),
    )


def by_likelihood(config, data_spec):
    """The flow by maximum likelihood."""
    optimizers = optimizers_of(config, data_spec, {"flow": "likelihood"})
    return flow_mle(flow_of(config, data_spec), optimizers=optimizers, num_levels=num_levels(data_spec))


def by_scores(config, data_spec):
    """The flow as an energy, by sliced score matching."""
    optimizers = optimizers_of(config, data_spec, {"energy": "scores"})
    energy = FlowEnergy(flow_of(config, data_spec))
    return score_matching(energy, optimizers=optimizers, num_levels=num_levels(data_spec))


ARMS = {"likelihood": by_likelihood, "scores": by_scores}


def baselines(config, data_spec):
    """The arms of config.evaluate.arms, trained as long."""
    return {name: choose(ARMS, name, "evaluate.arms")(config, data_spec) for name in config.evaluate.arms}


def flow_params(trained):
    """Parameters of the flow, wherever the method keeps them."""
    params = trained.state.params
    return params["flow"] if "flow" in params else params["energy"]["flow"]


def evaluate(run):
    """Exact log-likelihoods of every arm's flow, and grids of its samples."""
    settings, data = run.config.evaluate, run.dataset
    train, test = (continuous(run, x[: settings.max_examples]) for x in (data.x_train, data.x_test))
    flow = flow_of(run.config, spec(data))
    energy = jax.jit(flow.energy)
    metrics, others, captions = {}, {}, {}
    for name, trained in {"": run.trained, **run.baselines}.items():
        params, target = flow_params(trained), others if name else metrics
        log_prob = lambda x, params=params: -map_batches(partial(energy, params), x, settings.batch_size)
        for part, x in (("test", test), ("train", train)):
            found = figures_of(run, part, log_prob(x))
            target |= {f"{key}_{name}" if name else key: value for key, value in found.items()}
        if test.ndim == 4:
            path = run.workdir / f"samples_{name or 'vera'}.png"
            x = jax.jit(flow.sample, static_argnums=2)(params, run.rng_key, 100)
            pictures.save_grid(quantize(x, num_levels(data)), path)
            captions[path] = f"Samples of the flow, learned by {name or 'VERA'}"
    opponent = gaussian_log_prob(train, test)
    if opponent is not None:
        others |= {f"{key}_gaussian": value for key, value in figures_of(run, "test", opponent).items()}
    if test.ndim == 4:
        path = run.workdir / "samples_generator.png"
        pictures.save_grid(np.asarray(run.trained.method.sample(run.trained.state, run.rng_key, 100)), path)
        captions[path] = "Samples of VERA's generator"
    if rows := logged_rows(run):
        health.plot_health(rows, run.workdir / "health.png", title=f"NICE by VERA on {data.name}")
        captions[run.workdir / "health.png"] = "Health of the training by VERA"
    return Evaluation(metrics, others, protocol(run.config, len(train), len(test)), captions)


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    return (
        f"log_likelihood: mean of the flow's exact log q in nats over {num_test} test (train_: the first {num_train} "
        "training) examples; images are in [-1, 1], dequantised by one draw of uniform noise. bits_per_dim: of the "
        "image's grey levels. No suffix: learned by VERA as an energy; _likelihood: by maximum likelihood; _scores: by "
        f"sliced score matching, {config.train.num_steps} steps of {config.train.batch_size} examples each; _gaussian: "
        "a Gaussian with mean and covariance of those training examples. Last parameters, no selection."
    )


def draw_samples(x, path):
    """A grid of the generator's samples while training; nothing for tables."""
    if np.ndim(x) == 4:
        pictures.save_grid(np.asarray(x), path)


EXPERIMENT = Experiment(
    name="nice_likelihood",
    default_config="configs/nice_likelihood/digits.py",
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
