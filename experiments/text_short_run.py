"""Generative text modelling through short-run inference (Pang et al. 2021, arXiv 2106.02513).

Trains a recurrent decoder of sentences with a latent vector that K Langevin steps from N(0, I) infer, and a language
model of the same size beside it.
"""

from functools import partial

import jax.numpy as jnp

from ebmjax.methods import text_short_run
from ebmjax.objectives.amortised import linear_weight
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Evaluation, Experiment
from experiments.build import step_size_search
from experiments.build.chains import make_chain, one_step_size
from experiments.build.optimizers import optimizers_of
from experiments.build.sentences import LIMITS, check, make_decoder, make_opponents
from experiments.build.step_size_search import make_search
from experiments.measure import sentences

CHAIN_LIMITS = {
    "sampler.prior_warmup_epochs": 0,
    "sampler.noise_scale.start": 0,
    "sampler.noise_scale.end": 0,
    "sampler.noise_scale.begin": 0,
    "sampler.noise_scale.increments": 1,
    "sampler.noise_scale.every": 1,
}


def noise_schedule(fields):
    """step -> noise scale: `start`, rising to `end` in `increments` equal parts, one `every` steps from `begin` on;
    None if both are 1, which is Langevin dynamics."""
    if fields.start == fields.end == 1:
        return None
    begin, every, increments = fields.begin, fields.every, fields.increments
    made = lambda step: jnp.clip((step - begin + every) // every, 0, increments)
    return lambda step: fields.start + (fields.end - fields.start) * made(step) / increments


def prior_weight(config, data_spec):
    """step -> β, from .1 up by 1 / sampler.prior_warmup_epochs an epoch, to 1; None if that is 0, where β is 1."""
    epochs = config.sampler.prior_warmup_epochs
    if not epochs:
        return None
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    return lambda step: linear_weight(step, 0.9 * epochs * steps_per_epoch)


def build(config, data_spec):
    """The method of a config."""
    check(config, data_spec)
    search = make_search(config, config.search.objective)
    if search is not None and not search.grid:
        raise ConfigError("search.grid = () must have step sizes; search.every=0 for no search")
    return text_short_run(
        make_decoder(config, data_spec),
        posterior_chain=make_chain(config, "posterior"),
        optimizers=optimizers_of(config, data_spec),
        latent_dim=config.model.latent_dim,
        length=data_spec.shape[0],
        noise_schedule=noise_schedule(config.sampler.noise_scale),
        prior_weight=prior_weight(config, data_spec),
        chain_dropout=config.sampler.chain_dropout,
        search=search,
        step_size=one_step_size(config, "posterior") if search else 1.0,
    )


def baselines(config, data_spec):
    """A language model of the decoder's size, and variational auto-encoders with the same decoder."""
    return make_opponents(config, data_spec)


def evaluate(run):
    """Reconstruction, likelihood, use of z and perplexities of samples; sentences to read."""
    methods = {OWN: run.trained} | {arm: trained for arm, trained in run.baselines.items() if arm != "language_model"}
    found = {arm: sentences.figures(run, trained) for arm, trained in methods.items()}
    samplers = {arm: partial(trained.method.sample, trained.state) for arm, trained in methods.items()}
    figures = merge(found, sentences.cross_figures(run, samplers), sentences.language_model_figures(run, found[OWN]))
    shown = sentences.write(run, "text short-run inference")
    return Evaluation(figures, sentences.protocol(run.config, run.dataset), shown)


EXPERIMENT = Experiment(
    default_config="configs/text_short_run/pydoc.py",
    limits=lambda config: LIMITS | step_size_search.LIMITS | CHAIN_LIMITS,
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=None,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
