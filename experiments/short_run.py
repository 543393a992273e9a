"""Short-run MCMC (Nijkamp et al. 2019, arXiv 1904.09770).

Learns an energy whose K Langevin steps from fresh noise generate the data: a generator, whose latent is the noise.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.methods import short_run
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.viz import pictures
from experiments.build.chains import make_chain, noise_free_chain
from experiments.build.networks import make_data_energy
from experiments.build.optimizers import optimizers_of
from experiments.measure import images
from experiments.measure.history import draw_health, last_logged

LIMITS = {"evaluate.num_reconstructions": 2, "evaluate.reconstruction_steps": 0}


def build(config, data_spec):
    """The method of a config."""
    fields = config.sampler.chain
    has_map = config.sampler.name == "langevin"
    return short_run(
        make_data_energy(config, data_spec.shape),
        chain=make_chain(config, "chain"),
        map_chain=noise_free_chain(config, "chain", fields.num_steps) if has_map else None,
        optimizers=optimizers_of(config, data_spec),
        shape=data_spec.shape,
        noise=config.initial.noise,
        initial_scale=config.initial.scale,
        temperature=fields.temperature,
        data_noise=config.model.data_noise,
        energy_l2=config.model.energy_l2,
        gradient_penalty=config.model.gradient_penalty,
    )


def samplers(run, untrained):
    """{arm: (key, n) -> samples}: K steps, a quarter of them, K steps of the untrained net, and none."""
    state, functions = run.trained.state, run.trained.method.functions
    steps = jax.jit(functions["sample_steps"], static_argnums=(2, 3))
    num_steps = run.config.sampler.chain.num_steps
    return {
        OWN: lambda key, n: steps(state, key, n, num_steps),
        "quarter_steps": lambda key, n: steps(state, key, n, num_steps // 4),
        "untrained": lambda key, n: steps(untrained, key, n, num_steps),
        "noise": partial(functions["fresh"], state),
    }


def class_shares(classifier, x):
    """Smallest and largest share of a class among x, as a classifier sees them."""
    logits = classifier.logits(x)
    shares = np.bincount(np.argmax(logits, axis=1), minlength=logits.shape[1]) / len(x)
    return {"class_share_min": shares.min(), "class_share_max": shares.max()}


def reconstruct(run, states, x):
    """(reconstructions of x, figures of all arms) through the chains of {arm: state}."""
    steps = run.config.evaluate.reconstruction_steps
    through_chain = jax.jit(partial(run.trained.method.functions["reconstruct"], num_iterations=steps))
    found = {arm: [np.asarray(y) for y in through_chain(state, run.rng_key, x)] for arm, state in states.items()}
    figures = {
        arm: {"reconstruction_mse": images.squared_error(y, x), "latent_rms": np.sqrt(np.mean(np.square(z)))}
        for arm, (y, z) in found.items()
    }
    return found[OWN][0], figures


def evaluate(run):
    """Fréchet distances of samples to the training images, shares of the classes, reconstructions; their pictures."""
    method, state = run.trained
    train, test = images.examples(run)
    untrained = jax.jit(method.init)(jax.random.fold_in(run.rng_key, 2), {"x": train[:2]})
    classifier = images.label_classifier(run, train)
    spaces = images.feature_spaces(run, train, classifier)
    drawn = images.draw_arms(run, samplers(run, untrained), len(train) if spaces else 100)
    x = test[: run.config.evaluate.num_reconstructions]
    reconstructed, reconstruction = reconstruct(run, {OWN: state, "untrained": untrained}, x)
    figures = merge(
        {OWN: class_shares(classifier, drawn[OWN]) if classifier else {}},
        images.frechet_figures(spaces, train, drawn | {"real": test}),
        reconstruction,
        {OWN: last_logged(run, "energy_gap", "r_s")},
    )
    shown = draw(run, drawn[OWN], x, reconstructed)
    return Evaluation(figures, protocol(run.config, len(drawn[OWN]), len(test)), shown)


def protocol(config, num_samples, num_test):
    """How the figures were measured."""
    settings, num_steps = config.evaluate, config.sampler.chain.num_steps
    return (
        f"{images.frechet_protocol(num_samples, num_test)} Our samples: {num_steps} steps from fresh noise; "
        f"quarter_steps: {num_steps // 4} steps; untrained: the net before training; noise: no steps. class_share: "
        "least and largest share of a class among the samples, by that classifier. reconstruction_mse: per pixel, "
        f"{settings.num_reconstructions} test images through the noise-free chain, {settings.reconstruction_steps} "
        "steps of Adam on its start, whose root mean square is latent_rms. It is no evidence of learning: an untrained "
        "net, whose chain hardly moves, reconstructs any image. energy_gap, r_s: of the last "
        f"logged steps, undivided by the temperature {config.sampler.chain.temperature}. No selection of checkpoints."
    )


def chain_strip(run, x):
    """(numbers of steps, quarters of K up to 16 K; chains from x `[8, ...]` after these: `[8, moments, ...]`)."""
    (method, state), quarter = run.trained, max(run.config.sampler.chain.num_steps // 4, 1)
    advance = jax.jit(partial(method.functions["run"], num_steps=quarter))
    kept = {0: x}
    for i in range(1, 65):
        x = advance(state, jax.random.fold_in(run.rng_key, i), x)
        if i in (1, 2, 3, 4, 8, 16, 64):
            kept[i * quarter] = x
    return list(kept), np.stack(list(kept.values()), axis=1)


def draw(run, samples, x, reconstructed):
    """{path: caption} of samples, chains on both sides of K, interpolations, reconstructions and training health."""
    (method, state), num_steps = run.trained, run.config.sampler.chain.num_steps
    health = draw_health(run, f"short-run MCMC on {run.dataset.name}", "Health of the training")
    if x.ndim != 4:
        return health  # a table has no pictures
    path = lambda stem: run.workdir / f"{stem}.png"
    pictures.save_grid(samples[:100], path("samples"))
    z = method.functions["fresh"](state, jax.random.fold_in(run.rng_key, 3), 16)
    between = jax.jit(method.functions["interpolate"], static_argnums=3)(state, z[:8], z[8:], 10)
    pictures.save_interpolations(between, path("interpolation"))
    moments, strip = chain_strip(run, z[:8])
    pictures.save_interpolations(strip, path("chain"), title=f"after {', '.join(map(str, moments))} steps")
    pictures.save_pairs(x[:20], reconstructed[:20], path("reconstructions"))
    return {
        path("samples"): f"Samples: {num_steps} steps from fresh noise",
        path("chain"): f"The same chains before and after {num_steps} steps: the model is defined by that length",
        path("interpolation"): "Noise-free chains from noise between two starts",
        path("reconstructions"): "Test images through the noise-free chain, which is no evidence of learning",
    } | health


EXPERIMENT = Experiment(
    default_config="configs/short_run/digits.py",
    limits=lambda config: LIMITS,
    build=build,
    evaluate=evaluate,
    energy_net=make_data_energy,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
