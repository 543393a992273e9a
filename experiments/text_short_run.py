"""Generative text modelling through short-run inference (Pang et al. 2021, arXiv 2106.02513).

Trains a recurrent decoder of sentences with a latent vector that K Langevin steps from N(0, I) infer, and a language
model of the same size beside it.
"""

from functools import partial

import jax.numpy as jnp

from ebmjax.methods import text_short_run
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.experiment import Evaluation, Experiment
from experiments.build.chains import make_chain
from experiments.build.optimizers import optimizers_of
from experiments.build.sentences import LIMITS, check, make_decoder, make_opponents
from experiments.measure import sentences

NOISE_LIMITS = {
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


def build(config, data_spec):
    """The method of a config."""
    check(config, data_spec)
    return text_short_run(
        make_decoder(config, data_spec),
        posterior_chain=make_chain(config, "posterior"),
        optimizers=optimizers_of(config, data_spec),
        latent_dim=config.model.latent_dim,
        length=data_spec.shape[0],
        noise_schedule=noise_schedule(config.sampler.noise_scale),
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
    limits=lambda config: LIMITS | NOISE_LIMITS,
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=None,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
