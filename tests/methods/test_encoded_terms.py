"""One plain step of each method with an encoder, against its objective by hand and by differences.

All nets act entry by entry: g(z) = a z + b, q(z | x) = N(k x + m, exp(v)), E(x) = Σ θ x² / 2, or with z also φ x z
and ψ z² / 2. The groups are updated in turn, with the newest numbers of the others; the energy climbs.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optax import sgd

from ebmjax.methods import TriangleWeights, divergence_triangle, official_weights, vae, vae_latent_ebm
from ebmjax.methods.base import step_key

SIGMA, RATE, SHAPE = 0.6, 0.1, (5, 2)
X = jax.random.normal(jax.random.key(1), SHAPE)
MASK = jnp.array([[1, 0], [1, 1], [0, 1], [1, 0], [0, 0]], bool)
START = {"energy": {"theta": 0.7, "phi": -0.4, "psi": 0.5}, "encoder": {"k": 0.8, "m": 0.1, "v": -0.6}}
START |= {"generator": {"a": 1.3, "b": -0.2}}


def number(module, group, name):
    return module.param(name, nn.initializers.constant(START[group][name]), ())


class Affine(nn.Module):
    @nn.compact
    def __call__(self, z):
        return number(self, "generator", "a") * z + number(self, "generator", "b")


class Encoder(nn.Module):
    @nn.compact
    def __call__(self, x):
        k, m, v = (number(self, "encoder", name) for name in "kmv")
        return k * x + m, jnp.zeros_like(x) + v


class OfX(nn.Module):
    @nn.compact
    def __call__(self, x):
        return 0.5 * jnp.sum(number(self, "energy", "theta") * x**2, axis=1)


class OfBoth(nn.Module):
    @nn.compact
    def __call__(self, x, z):
        theta, phi, psi = (number(self, "energy", name) for name in ("theta", "phi", "psi"))
        return jnp.sum(0.5 * theta * x**2 + phi * x * z + 0.5 * psi * z**2, axis=1)


def by_hand(numbers, x, mask, draws, kl=1.0, weight=1.0, last="none", noisy=True, latent=1.0):
    """(the objective, its parts) of numbers {group: {name: value}}; x is filled, draws are ε of q, z of P and its ε."""
    (a, b), (k, m, v) = (list(numbers[group].values()) for group in ("generator", "encoder"))
    q_noise, z_p, noise = draws
    z = k * x + m + np.exp(v / 2) * q_noise
    error = np.sum(np.where(mask, (x - a * z - b) ** 2, 0.0), axis=1)
    divergence = 0.5 * np.sum((k * x + m) ** 2 + np.exp(v) - 1 - v, axis=1)
    parts = {"reconstruction_mse": error.sum() / mask.sum(), "kl": divergence.mean()}
    value = weight * np.mean(error / (2 * SIGMA**2) + kl * divergence)
    if last == "none":
        return value, parts
    theta, phi, psi = numbers["energy"].values()
    joint = last == "entropy of q"
    x_p = a * z_p + b + (SIGMA * noise if noisy and not joint else 0.0)
    energy = lambda x, z: np.mean(np.sum(theta * x**2 / 2 + joint * (phi * x * z + psi * z**2 / 2), axis=1))
    parts |= {"energy_pos": energy(x, z), "energy_neg": energy(x_p, z_p)}
    parts["energy_gap"] = parts["energy_pos"] - parts["energy_neg"]
    if joint:
        return value - parts["energy_gap"] + np.sum(np.full(2, v)) / 2, parts
    square = (z_p - k * x_p - m) ** 2 * np.exp(-v)
    parts["latent_nll"] = 0.5 * np.mean(np.sum(square + v + np.log(2 * np.pi), axis=1))
    return value - parts["energy_gap"] + latent * parts["latent_nll"], parts


def draws_of(key, name):
    """As the method makes them from the key of its step."""
    keys = {"vae": lambda: [key], "vae_latent_ebm": lambda: jax.random.split(key)}
    keys = keys.get(name, lambda: jax.random.split(key, 3))()
    found = [np.asarray(jax.random.normal(k, SHAPE), float) for k in keys]
    return found + [np.zeros(SHAPE)] * (3 - len(found))


CASES = {
    "vae": (vae, ("encoder", "generator"), {"kl_weight": 0.3}, {"kl": 0.3}),
    "vae_latent_ebm": (
        partial(vae_latent_ebm, OfBoth()),
        ("energy", "encoder", "generator"),
        {"weight": 1.7},
        {"weight": 1.7, "last": "entropy of q"},
    ),
    "divergence_triangle": (
        partial(divergence_triangle, OfX()),
        ("energy", "encoder", "generator"),
        {"weights": TriangleWeights(0.4, 0.3)},
        {"kl": 0.4, "latent": 0.3, "last": "at P"},
    ),
    "official": (
        partial(divergence_triangle, OfX()),
        ("energy", "encoder", "generator"),
        {"weights": official_weights(2)},
        {"kl": 0.5, "latent": 0.1, "last": "at P", "noisy": False},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_step_by_hand(name):
    build, groups, options, terms = CASES[name]
    optimizers = {group: sgd(RATE) for group in groups}
    method = build(Affine(), Encoder(), optimizers=optimizers, sigma=SIGMA, latent_dim=2, fill_steps=3, **options)
    step = jax.jit(method.train_step, compiler_options={"xla_backend_optimization_level": 0})
    batch = {"x": jnp.where(MASK, X, jnp.nan), "mask": MASK}
    state = method.init(jax.random.key(0), batch)
    after, metrics = step(state, batch)
    filled, numbers = 0.0, {group: dict(START[group]) for group in START}
    for _ in range(3):  # what is missing: passes through encoder and generator from 0
        filled = 1.3 * (0.8 * filled + 0.1) - 0.2
    x, mask = np.where(MASK, X, filled).astype(float), np.asarray(MASK)
    objective = partial(by_hand, x=x, mask=mask, draws=draws_of(step_key(state), name), **terms)
    for part, value in objective(numbers)[1].items():
        assert float(metrics[part]) == pytest.approx(value, rel=1e-4), part
    for group in groups:
        known = [entry for entry in numbers[group] if entry in state.params[group]]
        slopes = {}
        for entry in known:
            move = lambda h, group=group, entry=entry: (
                numbers | {group: numbers[group] | {entry: numbers[group][entry] + h}}
            )
            slopes[entry] = (objective(move(1e-4))[0] - objective(move(-1e-4))[0]) / 2e-4
        sign = 1 if group == "energy" else -1
        for entry in known:
            numbers[group][entry] += sign * RATE * slopes[entry]
            assert float(after.params[group][entry]) == pytest.approx(numbers[group][entry], abs=2e-5), entry
        assert min(map(abs, slopes.values())) > 0.02
        norm = np.sqrt(sum(s**2 for s in slopes.values()))
        assert float(metrics[f"grad_norm_{group}"]) == pytest.approx(norm, rel=1e-3)
    assert int(after.step) == 1
