"""Generative text modelling through short-run inference (Pang et al. 2021, arXiv 2106.02513).

Trains a recurrent decoder of sentences with a latent vector that K Langevin steps from N(0, I) infer, and a language
model of the same size beside it.
"""

from functools import partial

import jax.numpy as jnp

from ebmjax.methods import text_short_run
from ebmjax.training import cli
from ebmjax.training.config import require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.optimizers import make_optimizers
from experiments import sentences
from experiments.pieces import make_chain

LOWEST = {
    "model.latent_dim": 1,
    "sampler.noise_scale.start": 0,
    "sampler.noise_scale.end": 0,
    "sampler.noise_scale.begin": 0,
    "sampler.noise_scale.increments": 1,
    "sampler.noise_scale.every": 1,
}


def noise_schedule(fields):
    """Noise scale as a function of the training step: start, then from the step `begin` on one of so many increments
    `every` steps, until it is `end`; None where both are 1, which is Langevin dynamics."""
    if fields.start == fields.end == 1:
        return None
    begin, every, increments = fields.begin, fields.every, fields.increments
    made = lambda step: jnp.clip((step - begin + every) // every, 0, increments)
    return lambda step: fields.start + (fields.end - fields.start) * made(step) / increments


def build(config, data_spec):
    """The method of a config."""
    sentences.check(config, data_spec)
    for field, low in LOWEST.items():
        require(config, field, low)
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    return text_short_run(
        sentences.make_decoder(config, data_spec),
        posterior_chain=make_chain(config, "posterior"),
        optimizers=make_optimizers(config.optimizer, config.train.num_steps, steps_per_epoch),
        latent_dim=config.model.latent_dim,
        length=data_spec.shape[0],
        noise_schedule=noise_schedule(config.sampler.noise_scale),
    )


def baselines(config, data_spec):
    """A language model of the decoder's size."""
    wanted = config.evaluate.language_model
    return {"language_model": sentences.make_language_model(config, data_spec)} if wanted else {}


def evaluate(run):
    """Reconstruction, likelihood, use of z and perplexities of samples; sentences to read."""
    metrics = sentences.figures(run, run.trained)
    cross, others = sentences.cross_figures(run, {"": partial(run.trained.method.sample, run.trained.state)})
    others |= sentences.language_model_figures(run)
    paths = sentences.write(run, "text short-run inference")
    return Evaluation(metrics | cross, others, sentences.protocol(run.config, run.dataset), paths)


EXPERIMENT = Experiment(
    name="text_short_run",
    default_config="configs/text_short_run/pydoc.py",
    build=build,
    baselines=baselines,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
