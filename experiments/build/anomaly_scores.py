"""Anomaly scores by name, computed with a method's public functions alone.

Larger is more anomalous. A method with latents has encode, decode and sample_latent; its energy, if any, is U(z) of a
learned prior. The energy of any other method is E(x). If an encoder infers z, "one posterior sample" is its mean.
"""

import jax
import jax.numpy as jnp

from ebmjax.energies import standard_normal
from ebmjax.objectives import squared_error
from ebmjax.training.config import ConfigError

SCORES = {
    "joint": "||x - g(z)||² / (2 σ²) + U(z) at one posterior sample z: -log p(x, z) up to a constant",
    "joint_unit": "||x - g(z)||² + U(z) at one posterior sample z, the weights of the code of arXiv 2310.03218",
    "latent": "U(z) at one posterior sample z: E(z) + ||z||² / 2, of a prior N(0, I) ||z||² / 2",
    "reconstruction": "||x - g(z)||² at one posterior sample z",
    "log_likelihood": "-log p(x), estimated where it has no closed form",
    "energy": "E(x)",
    "data_energy": "E(x), of a method that has latents besides",
    "joint_energy": "E(x, z) at z inferred from x, of an energy of both",
}

OF_LATENTS = ("joint", "joint_unit", "latent", "reconstruction")


def has_latents(functions) -> bool:
    """Whether `functions` belong to a generator with a posterior, rather than to an energy or a density of x."""
    return {"encode", "decode", "sample_latent"} <= functions.keys()


def available(functions) -> list[str]:
    """Names in `SCORES` that a method with these functions has."""
    with_latents = has_latents(functions)
    names = list(OF_LATENTS) if with_latents else []
    names += [name for name in ("log_likelihood", "data_energy", "joint_energy") if name in functions]
    return names + (["energy"] if "energy" in functions and not with_latents else [])


def known_scores(functions, names) -> list[str]:
    """The scores among `names` that a method with these functions has."""
    known = available(functions)
    return [name for name in names if name in known]


def check(name: str, functions, wanted) -> None:
    """Raise ConfigError unless `wanted` has scores, and the method called `name` has all of them."""
    known = available(functions)
    has = f"{name} has {', '.join(known) or 'none'}"
    if not wanted:
        raise ConfigError(f"evaluate.scores is empty; {has}")
    for score in wanted:
        if score not in known:
            raise ConfigError(f"evaluate.scores: {name} has no score {score!r}; {has}")


def make_scores(functions, names, sigma: float | None):
    """(state, rng_key, x[B, ...]) -> {name: [B]} of the scores `names`; those that need z share one z.

    sigma: of p(x | z), for "joint".
    """

    def of_latents(state, z, x):
        prior = functions.get("energy", lambda state, z: standard_normal(z))(state, z)
        error = squared_error(functions["decode"](state, z), x)
        found = {"joint_unit": error + prior, "latent": prior, "reconstruction": error}
        return found if sigma is None else found | {"joint": error / (2 * sigma**2) + prior}

    def scores(state, rng_key, x):
        encode_key, density_key = jax.random.split(rng_key)
        found = {}
        if {*OF_LATENTS, "joint_energy"} & set(names):
            z = functions["encode"](state, encode_key, x)
            found |= of_latents(state, z, x)
        if "joint_energy" in names:
            found["joint_energy"] = functions["joint_energy"](state, x, z)
        if "log_likelihood" in names:
            found["log_likelihood"] = -functions["log_likelihood"](state, density_key, x)
        for name in {"energy", "data_energy"} & set(names):
            found[name] = functions[name](state, x)
        return {name: jnp.asarray(found[name]) for name in names}

    return scores
