"""The gradient of a generator's entropy, estimated on probabilistic PCA, where it is known (Grathwohl, Kelly et al.
2021, arXiv 2010.04230, the study of the estimator's bias and variance).

The estimators of c(x) = -∇ log q(x) by importance sampling (VERA) and by Hamiltonian chains over z, with increasing
numbers of draws, are repeated at the same x and z, and compared with c(x) = C⁻¹ (x - b).
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import load, to_float
from ebmjax.evaluation.ppca import fit_ppca
from ebmjax.report.results import OWN, Figures, write_results
from ebmjax.report.run_page import write_report
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, input_errors
from ebmjax.training.devices import enable_compilation_cache
from ebmjax.training.hosts import print_once
from ebmjax.training.workdir import begin, open_untrained
from ebmjax.viz.estimators import plot_bias_and_spread
from experiments.measure import entropy_gradient as study

NAME, DEFAULT_CONFIG = "entropy_gradient", "configs/entropy_gradient/digits.py"
LIMITS = {"latent_dim": 1, "num_samples": 2, "num_points": 2, "num_repeats": 2, "fit_steps": 1, "batch_size": 2}


def generator_of(config):
    """(name of the data, the linear generator fitted to its training examples)."""
    dataset = load(**config.data)
    if dataset.vocabulary is not None:
        raise ConfigError(f"data.name = {dataset.name} has sentences, and PCA needs images or tables")
    with input_errors():
        return dataset.name, fit_ppca(to_float(dataset.x_train, dataset.max_value), config.latent_dim)


def estimators(config, generator, of, rng_key):
    """({arm: (number of draws, rng_key) -> c `[N, D]`}, {metric: value} of what was fitted)."""
    keys, counts = jax.random.split(rng_key), (config.fit_steps, config.batch_size)
    scale = jax.jit(study.fit_proposal, static_argnums=(2, 3))(generator, keys[0], *counts)
    step_size = float(jax.jit(study.fit_step_size, static_argnums=(2, 3))(generator, keys[1], *counts))
    best = 1 / jnp.sqrt(1 + jnp.sum(generator.weights**2, axis=0) / generator.sigma**2)
    made = {
        OWN: partial(study.by_importance, generator, scale, of),
        "hmc": partial(study.by_chain, generator, step_size, of),
    }
    fitted = {"proposal_scale": jnp.mean(scale), "step_size": step_size, "sigma": generator.sigma}
    return made, fitted | {"proposal_scale_error": jnp.max(jnp.abs(scale / best - 1))}


def all_figures(config, generator, of, made, rng_key):
    """{arm: {number of draws: figures}} of the estimators, and of the arms that need no draws."""
    found = {arm: {} for arm in made}
    for arm, estimate in made.items():
        for num in config.num_samples:
            key = jax.random.fold_in(rng_key, num)
            found[arm][num] = study.estimator_figures(generator, of, partial(estimate, num), config.num_repeats, key)
    exact, own = generator.score(of.x), of.noise / generator.sigma
    for arm, c in (("exact", exact), ("own_z", own)):
        scores = study.score_figures(exact, c, jnp.zeros_like(c), 1)
        shares = {f"gradient_{name}": share for name, share in study.gradient_figures(generator, of, c).items()}
        found[arm] = dict.fromkeys(config.num_samples, scores | shares)
    return found


def as_table(found) -> Figures:
    """{arm: {figure_<number of draws>: value}}."""
    return {arm: {f"{name}_{num}": v for num, of in by.items() for name, v in of.items()} for arm, by in found.items()}


def measure(arguments):
    """Fit, repeat, compare; print the table, draw, and write results.json."""
    config, workdir, command = open_untrained(NAME, arguments, LIMITS)
    enable_compilation_cache()
    dataset, generator = generator_of(config)
    begin(workdir, config, command)
    dim, latent = generator.weights.shape
    print_once(f"{NAME}: {dataset}, {dim} columns from {latent} latent ones, in {workdir}")
    keys = jax.random.split(jax.random.key(config.seed), 3)
    of = study.draw(generator, keys[0], config.num_points)
    made, fitted = estimators(config, generator, of, keys[1])
    found = all_figures(config, generator, of, made, keys[2])
    picture, path = workdir / "bias_and_spread.png", workdir / "results.json"
    panels = {
        "bias of the score": "bias",
        "standard deviation of the score": "sd",
        "share of the gradient in W": "gradient_weights",
    }
    names = {OWN: "importance sampling", "hmc": "HMC", "own_z": "the z that made x", "exact": "exact score"}
    lines = {label: {names[arm]: study.curves(by, name) for arm, by in found.items()} for label, name in panels.items()}
    plot_bias_and_spread(np.asarray(config.num_samples), lines, picture, title=f"entropy gradient, PPCA of {dataset}")
    origin = {"experiment": NAME, "method": NAME, "dataset": dataset, "seed": config.seed}
    origin |= {"num_steps": config.fit_steps, "command": command}
    figures = as_table(found)
    figures[OWN] |= {name: float(value) for name, value in fitted.items()}
    write_results(path, origin, figures, protocol(config), pictures={picture.name: ""})
    print("wrote:", *(f"  {p}" for p in [picture, path, write_report(workdir)]), sep="\n")


def protocol(config):
    """How the figures were measured."""
    return (
        f"Probabilistic PCA with {config.latent_dim} latent dimensions. _<K>: of K draws: importance sampling around "
        f"the z that made x, its scale fitted in {config.fit_steps} steps (proposal_scale_error: largest relative "
        f"error of it); hmc: K transitions of {study.LEAPFROG} leapfrog steps from that z, the first half unused. "
        f"{config.num_points} pairs of x and z, {config.num_repeats} repetitions at each. bias: of c(x) over the "
        "repetitions, sd: its standard deviation, root mean squares relative to that of the exact c; signed_bias: mean "
        "difference, as in the official code, in which errors cancel. gradient_weights, gradient_sigma: the entropy's "
        "gradient in W and σ made from c, as a multiple of the exact one (in W, projected on it). exact: the exact c "
        "at the same pairs, so only their own error is left; own_z: c = ε / σ, from the z that made x alone."
    )


def main(argv=None):
    """The command line."""
    with cli.arguments_of(NAME, DEFAULT_CONFIG, argv, __doc__) as arguments:
        measure(arguments)


if __name__ == "__main__":
    main()
