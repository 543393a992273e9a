"""One plain step of VERA by hand: the energy's terms, the generator's, the proposal's, and every noise.

The generator is x = w z + b + σ ε. With w = 0 the score c = (x - b) / σ² is ε / σ, whatever draws of z estimate it.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optax import sgd

from ebmjax.mcmc import Chain, langevin, make_bank
from ebmjax.methods import classifier, jem, vera
from ebmjax.methods.base import step_key
from ebmjax.nets import NormedMLPGenerator
from ebmjax.objectives import LabelWeights
from ebmjax.objectives.entropy_gradient import importance_score
from ebmjax.types import ChainState, Info, Kernel

NUM = 4000


class Affine(nn.Module):
    """w z + b."""

    w: float = 0.0
    b: float = 0.0

    @nn.compact
    def __call__(self, z):
        number = lambda name, value: self.param(name, nn.initializers.constant(value), ())
        return number("w", self.w) * z + number("b", self.b)


class Parabola(nn.Module):
    """E(x) = x² / 2 + c, c = 1."""

    @nn.compact
    def __call__(self, x):
        return 0.5 * jnp.sum(x**2, axis=1) + self.param("c", nn.initializers.ones, ())


class Logits(nn.Module):
    """w (x, -x)."""

    w: float

    @nn.compact
    def __call__(self, x):
        return self.param("w", nn.initializers.constant(self.w), ()) * jnp.concatenate([x, -x], axis=1)


def stepper(batch, energy=None, generator=None, rates=None, **options):
    """(the compiled step, its first state)."""
    optimizers = {group: sgd(rate) for group, rate in (rates or {}).items()}
    options = {"gradient_penalty": 0.0, "sigma": 0.2} | options
    method = vera(energy or Parabola(), generator or Affine(), latent_dim=1, optimizers=optimizers, **options)
    step = jax.jit(method.train_step, compiler_options={"xla_backend_optimization_level": 0})
    return step, method.init(jax.random.key(0), batch)


def noise_of(state, num):
    """(z, ε) of the step's samples, and the keys of its generator's update, as the step makes them."""
    draw_key, _, update_key = jax.random.split(step_key(state), 3)
    z, noise = (np.asarray(jax.random.normal(key, (num, 1)), float)[:, 0] for key in jax.random.split(draw_key))
    return z, noise, jax.random.split(update_key)


def test_data_get_their_noise_and_the_energys_square_its_weight():
    """Data at 0 with noise .1: mean E = 1 + .005; c moves by λ 2 (mean E(x⁺) + mean E(x⁻)), the gap having no slope."""
    step, state = stepper({"x": jnp.zeros((NUM, 1))}, rates={"energy": 1.0}, energy_l2=0.1, data_noise=0.1)
    after, metrics = step(state, {"x": jnp.zeros((NUM, 1))})
    assert float(metrics["energy_pos"]) - 1 == pytest.approx(0.005, rel=4 * np.sqrt(2 / NUM))
    assert float(metrics["energy_neg"]) - 1 == pytest.approx(0.02, rel=4 * np.sqrt(2 / NUM))  # σ² / 2
    expected = 1 - 0.1 * 2 * (metrics["energy_pos"] + metrics["energy_neg"])
    assert float(after.params["energy"]["c"]) == pytest.approx(float(expected), rel=1e-5)
    assert float(expected) == pytest.approx(0.595, abs=1e-3)


def test_labelled_examples_get_noise_of_their_own():
    """As in JEM: log p(0 | x) + log p(1 | x) = 2 E(x) at the same x; both have the mean of noise .3."""
    x = jnp.zeros((NUM, 1))
    of = lambda label: {"x": x, "labelled": {"x": x, "label": jnp.full(NUM, label)}}
    options = {"labels": LabelWeights(1.0), "data_noise": 0.3, "entropy_weight": 0.0}
    step, state = stepper(of(0), Logits(10.0), **options)
    first, second = (step(state, of(label))[1] for label in (0, 1))
    both = first["cross_entropy"] + second["cross_entropy"]
    # E log(1 + exp(-6 ε)) = 2.5 with a standard deviation of 3.6, of mean log 2 cosh(3 ε), the same with 1.7.
    assert abs(first["cross_entropy"] - 2.5037) < 4 * 3.6 / np.sqrt(NUM)
    assert abs(-first["energy_pos"] - 2.5037) < 4 * 1.9 / np.sqrt(NUM)
    assert abs(both + 2 * first["energy_pos"]) > 1e-3 * both


def test_the_energys_update_is_that_of_jem():
    """At the same x⁻ = .5, with weights of all terms; JEM's is taken by hand in its own tests."""
    batch = {"x": jnp.full((8, 1), 2.0), "labelled": {"x": jnp.ones((4, 1)), "label": jnp.ones(4, jnp.int32)}}
    weights = {"labels": LabelWeights(3.0, 0.7), "energy_l2": 0.4, "gradient_penalty": 0.5, "data_noise": 0.0}
    sharp = {"sigma": 1e-6, "sigma_range": (1e-6, 1e-6), "entropy_weight": 0.0}
    step, state = stepper(batch, Logits(1.0), Affine(b=0.5), {"energy": 1.0}, **sharp, **weights)
    found, metrics = step(state, batch)
    chain, bank = Chain(partial(langevin, step_size=0.1), 0), make_bank(8, 8)
    other = jem(
        Logits(1.0), chain=chain, optimizers={"energy": sgd(1.0)}, shape=(1,), bank=bank, reinitialise=0, **weights
    )
    state = other.init(jax.random.key(0), batch)
    again = jax.jit(other.train_step, compiler_options={"xla_backend_optimization_level": 0})
    expected, others = again(state._replace(extra={"chains": jnp.full((8, 1), 0.5)}), batch)
    assert float(found.params["energy"]["w"]) == pytest.approx(float(expected.params["energy"]["w"]), rel=1e-5)
    for name in set(others) & set(metrics):
        np.testing.assert_allclose(metrics[name], others[name], rtol=1e-4, err_msg=name)
    assert abs(float(expected.params["energy"]["w"]) - 1) > 0.1


@pytest.mark.parametrize("entropy_weight", [0.0, 0.3])
def test_the_generators_update_by_hand(entropy_weight):
    """Slopes of mean E(x) - λ mean c x in w, b and log σ, c = ε / σ; and log of the proposal's scale climbs to 0.

    Its bound's slope is 1 - mean (s ε' + z) s ε', s = .1.
    """
    num, b, sigma, rate = 400, 0.5, 0.2, 0.1
    rates = {"generator": rate, "proposal": rate}
    batch = {"x": jnp.zeros((num, 1))}
    step, state = stepper(batch, generator=Affine(b=b), rates=rates, sigma=sigma, entropy_weight=entropy_weight)
    after, metrics = step(state, batch)
    z, noise, (score_key, _) = noise_of(state, num)
    x = b + sigma * noise
    push = x - entropy_weight * noise / sigma  # dE/dx - λ c
    moved = {name: after.params["generator"]["net"][name] for name in "wb"}
    assert float(moved["w"]) == pytest.approx(-rate * np.mean(push * z), abs=1e-5)
    assert float(moved["b"]) == pytest.approx(b - rate * np.mean(push), abs=1e-5)
    log_sigma = np.log(sigma) - rate * np.mean(push * sigma * noise)
    assert float(after.params["generator"]["log_sigma"]) == pytest.approx(log_sigma, abs=1e-5)
    assert float(metrics["sigma"]) == pytest.approx(np.exp(log_sigma), rel=1e-5)
    if not entropy_weight:
        assert "proposal" not in after.params
        return
    proposal = np.log(0.1) + rate * (1 - 0.01)
    # s ε' (s ε' + z) has a standard deviation of .1.
    assert float(after.params["proposal"][0]) == pytest.approx(proposal, abs=rate * 4 * 0.1 / np.sqrt(num))
    draws = jax.random.normal(score_key, (20, num, 1))
    decode = lambda z: jnp.full_like(z, b)
    _, effective = importance_score(
        decode, jnp.asarray(x)[:, None], jnp.asarray(z)[:, None], sigma=sigma, scale=0.1, noise=draws
    )
    assert float(metrics["effective_samples"]) == pytest.approx(float(jnp.mean(effective)), rel=1e-4)
    assert float(metrics["proposal_scale"]) == pytest.approx(0.1, rel=1e-5)


def climbing(potential):
    """A stand-in for a chain: z' = z + 1."""
    info = Info(*4 * [jnp.zeros(40)])
    init = lambda z: ChainState(z, jnp.zeros(len(z)), (), jnp.int32(0), ())
    return Kernel(init, lambda key, state: (state._replace(position=state.position + 1), info))


def test_a_chains_draws_after_its_burn_in():
    """They start at the z that made x: of z + 1, z + 2, z + 3 the last two count, c = (σ ε - 2.5 w) / σ²."""
    num, w, b, sigma, rate, weight = 40, 0.8, 0.5, 0.2, 0.01, 0.3
    batch = {"x": jnp.zeros((num, 1))}
    options = {"posterior_chain": Chain(climbing, 3), "num_burn_in": 1, "entropy_weight": weight, "sigma": sigma}
    step, state = stepper(batch, generator=Affine(w, b), rates={"generator": rate}, **options)
    after, _ = step(state, batch)
    z, noise, _ = noise_of(state, num)
    push = w * z + b + sigma * noise - weight * (sigma * noise - 2.5 * w) / sigma**2
    assert float(after.params["generator"]["net"]["b"]) == pytest.approx(b - rate * np.mean(push), abs=1e-4)
    assert float(after.params["generator"]["net"]["w"]) == pytest.approx(w - rate * np.mean(push * z), abs=1e-4)


def test_the_generator_learns_from_the_new_energy():
    """E = c x, c = 0 at first: its step puts c at mean x⁻ - mean x⁺, and that moves b of the same samples."""

    class Slope(nn.Module):
        @nn.compact
        def __call__(self, x):
            return self.param("c", nn.initializers.zeros, ()) * jnp.sum(x, axis=1)

    num, b = 40, 0.5
    batch, rates = {"x": jnp.ones((num, 1))}, {"energy": 1.0, "generator": 0.1}
    step, state = stepper(batch, Slope(), Affine(b=b), rates, entropy_weight=0.0)
    after, metrics = step(state, batch)
    slope = b + 0.2 * np.mean(noise_of(state, num)[1]) - 1
    assert float(after.params["energy"]["c"]) == pytest.approx(slope, rel=1e-5)
    assert float(after.params["generator"]["net"]["b"]) == pytest.approx(b - 0.1 * slope, rel=1e-5)
    assert metrics["energy_gap"] == 0  # of the energy before


def test_sigma_stays_in_its_range():
    """A step that would take σ beyond .3 ends there."""
    batch = {"x": jnp.zeros((40, 1))}
    step, state = stepper(batch, rates={"generator": 100.0, "proposal": 0.0})
    assert float(step(state, batch)[1]["sigma"]) == pytest.approx(0.3, rel=1e-5)
    assert float(jnp.exp(state.params["generator"]["log_sigma"])) == pytest.approx(0.2, rel=1e-5)


class Doubling(nn.Module):
    """E(x) = c x² / 2, c = 1, and twice that where there is a key for dropout; or `num` logits, minus that."""

    num: int = 0
    dropout: float = 0.5

    @nn.compact
    def __call__(self, x):
        c = self.param("c", nn.initializers.ones, ()) * (2.0 if self.has_rng("dropout") else 1.0)
        energy = 0.5 * c * jnp.sum(x**2, axis=1)
        return -energy[:, None] * jnp.arange(1.0, self.num + 1) if self.num else energy


def test_dropout_is_on_where_networks_learn_alone():
    """In the updates of energy and generator, and of a classifier; not in functions, nor in JEM's chains."""
    x, rate = 1 + jnp.arange(8.0)[:, None] / 8, 0.1
    batch = {"x": x, "label": jnp.zeros(8, jnp.int32), "index": jnp.arange(8)}
    step, state = stepper(batch, Doubling(), Affine(b=0.5), {"generator": rate}, entropy_weight=0.0)
    after, metrics = step(state, batch)
    square = float(jnp.mean(x**2))
    assert float(metrics["energy_pos"]) == pytest.approx(square, rel=1e-5)
    sample = 0.5 + 0.2 * np.mean(noise_of(state, 8)[1])  # 2 c x is the slope of E at the samples, with dropout
    assert float(after.params["generator"]["net"]["b"]) == pytest.approx(0.5 - rate * 2 * sample, rel=1e-5)
    plain = vera(Doubling(), Affine(), latent_dim=1, optimizers={}).functions["energy"](state, x)
    np.testing.assert_allclose(plain, x[:, 0] ** 2 / 2, rtol=1e-6)

    quick = {"compiler_options": {"xla_backend_optimization_level": 0}}
    chain = Chain(partial(langevin, step_size=1.0, temperature=2.0, noise_scale=0), 1)  # x - ∇E / 4
    options = {"chain": chain, "shape": (1,), "bank": make_bank(8, 8), "data_noise": 0.0, "reinitialise": 0}
    other = jem(Doubling(1), optimizers={}, labels=LabelWeights(1.0), **options)
    state = other.init(jax.random.key(0), batch)
    after, metrics = jax.jit(other.train_step, **quick)(state._replace(extra={"chains": x}), batch)
    np.testing.assert_allclose(after.extra["chains"], 0.75 * x, rtol=1e-5)
    assert float(metrics["energy_neg"]) == pytest.approx(0.75**2 * square, rel=1e-5)

    labels = classifier(Doubling(2), optimizers={"classifier": sgd(0.0)})
    _, metrics = jax.jit(labels.train_step, **quick)(labels.init(jax.random.key(0), batch), batch)
    logits = -np.outer(x, [1.0, 2.0]) * np.asarray(x)  # doubled
    assert float(metrics["cross_entropy"]) == pytest.approx(
        np.mean(np.logaddexp(0, logits[:, 1] - logits[:, 0])), rel=1e-5
    )


def normed_stepper(**options):
    """(method, its batch, a state with running statistics that are not those of any batch)."""
    batch = {"x": jnp.zeros((40, 1))}
    generator = NormedMLPGenerator((1,), (4,), bounded=False)
    rates = {"generator": sgd(0.1)}
    method = vera(Parabola(), generator, latent_dim=1, optimizers=rates, sigma=0.2, gradient_penalty=0.0, **options)
    state = method.init(jax.random.key(0), batch)
    stats = jax.tree.map(lambda a: a + 0.5, state.extra["stats"])
    return method, generator, batch, state._replace(extra=state.extra | {"stats": stats})


def climbing_score(potential):
    """A chain that stays where it is, so that c is that of z₀ itself."""

    def init(z):
        return ChainState(z, potential(z), (), jnp.int32(0))

    def step(rng_key, state):
        nothing = jnp.zeros(len(state.position))
        return state, Info(state.energy, nothing, nothing + 1, nothing)

    return Kernel(init, step)


def test_batch_normalisation_is_by_the_batch_that_learns():
    """The samples of a step are those of the batch's statistics, of which a tenth enters the running ones. A posterior
    chain that stays at z₀ finds c = (x - g(z₀)) / σ² = ε / σ by the same statistics; the last bias moves by the mean of
    x - λ c. `generate` uses the running statistics, row by row."""
    options = {"posterior_chain": Chain(climbing_score, 2), "num_burn_in": 1, "entropy_weight": 0.3}
    method, generator, batch, state = normed_stepper(**options)
    after, metrics = jax.jit(method.train_step, compiler_options={"xla_backend_optimization_level": 0})(state, batch)
    z, noise, _ = noise_of(state, 40)
    z, stats = jnp.asarray(z[:, None], jnp.float32), state.extra["stats"]["generator"]
    variables = {"params": state.params["generator"]["net"], "batch_stats": stats}
    made, updated = generator.apply(variables, z, train=True, mutable=["batch_stats"])
    x = np.asarray(made)[:, 0] + 0.2 * noise
    assert float(metrics["energy_neg"]) == pytest.approx(1 + np.mean(x**2) / 2, rel=1e-4)
    compare = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    jax.tree.map(compare, after.extra["stats"]["generator"], updated["batch_stats"])
    last = lambda state: float(state.params["generator"]["net"]["Dense_1"]["bias"][0])
    assert last(after) == pytest.approx(last(state) - 0.1 * np.mean(x - 0.3 * noise / 0.2), abs=1e-5)
    generated = method.functions["generate"](state, z)
    compare(generated, generator.apply(variables, z))
    compare(method.functions["generate"](state, z[:3]), generated[:3])
    assert np.max(np.abs(generated - made)) > 0.01
