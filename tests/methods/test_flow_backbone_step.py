"""One plain step of the tilted backbone by hand: data at x = 1, samples of a constant decoder at x = 2, E = -a x."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optax import sgd

from ebmjax.mcmc import Chain, make_bank
from ebmjax.mcmc.bank import all_chains
from ebmjax.methods import backbone_of_decoder, flow_backbone
from ebmjax.types import ChainState, Info, Kernel

SLOPE, RATE, L2 = 0.4, 0.1, 0.05
BATCH = {"x": jnp.ones((4, 1))}
CONSTANT = {"kernel": jnp.zeros((1, 1)), "bias": jnp.full(1, 2.0)}


class Tilt(nn.Module):
    """E(x) = -a x."""

    @nn.compact
    def __call__(self, x):
        return -self.param("a", nn.initializers.constant(SLOPE), ()) * jnp.sum(x, axis=1)


def climbing(potential):
    """A stand-in for a chain: z' = z + 1."""
    init = lambda z: ChainState(z, jnp.zeros(len(z)), (), jnp.int32(0), ())
    step = lambda key, state: (state._replace(position=state.position + 1), Info(*4 * [state.energy]))
    return Kernel(init, step)


def stepped(params, groups=("energy",), batch=BATCH, **options):
    """(the first state, that after a step, its metrics)."""
    optimizers = {group: sgd(RATE) for group in groups}
    backbone = backbone_of_decoder(nn.Dense(1), params, 1)
    method = flow_backbone(Tilt(), backbone, chain=Chain(climbing, 2), optimizers=optimizers, **options)
    state = method.init(jax.random.key(0), batch)
    return state, *jax.jit(method.train_step, compiler_options={"xla_backend_optimization_level": 0})(state, batch)


def test_likelihood():
    """The gap is -a + 2 a, its slope 1; of λ (mean E(x⁺)² + mean E(x⁻)²) = λ 5 a² it is 10 λ a."""
    state, after, metrics = stepped(CONSTANT, energy_l2=L2)
    assert float(after.params["energy"]["a"]) == pytest.approx(SLOPE - RATE * (1 + 10 * L2 * SLOPE), rel=1e-5)
    assert (float(metrics["energy_pos"]), float(metrics["energy_neg"])) == pytest.approx((-SLOPE, -2 * SLOPE), rel=1e-5)
    assert float(metrics["energy_gap"]) == pytest.approx(SLOPE, rel=1e-5)
    jax.tree.map(np.testing.assert_array_equal, after.params["generator"], state.params["generator"])


def test_noise_contrastive():
    """r = a x - c, c = 0 at first: slopes of log(1 + exp(-r(1))) + log(1 + exp(r(2))) and of λ 5 a²."""
    groups = ("energy", "log_normalizer")
    _, after, metrics = stepped(CONSTANT, groups, objective="noise_contrastive", energy_l2=L2)
    missed, taken = 1 / (1 + np.exp(SLOPE)), 1 / (1 + np.exp(-2 * SLOPE))
    of_a = -missed + 2 * taken + 10 * L2 * SLOPE
    assert float(after.params["energy"]["a"]) == pytest.approx(SLOPE - RATE * of_a, rel=1e-5)
    assert float(after.params["log_normalizer"]) == pytest.approx(-RATE * (missed - taken), rel=1e-5)
    assert float(metrics["loss"]) == pytest.approx(np.log1p(np.exp(-SLOPE)) + np.log1p(np.exp(2 * SLOPE)), rel=1e-5)
    assert metrics["accuracy"] == 0.5


@pytest.mark.parametrize("objective", ["likelihood", "noise_contrastive"])
def test_samples_and_data_of_the_step(objective):
    """x⁻ = g(z) = z + 2 of fresh z ~ N(0, 1), after the chain's two steps where there are any; data get grey noise."""
    identity = {"kernel": jnp.ones((1, 1)), "bias": jnp.full(1, 2.0)}
    contrasted = objective == "noise_contrastive"
    groups = ("energy", "log_normalizer") if contrasted else ("energy",)
    batch = {"x": jnp.ones((1000, 1))}
    _, _, metrics = stepped(identity, groups, batch, objective=objective, num_levels=2)
    mean = 2.0 if contrasted else 4.0
    assert float(metrics["energy_neg"]) == pytest.approx(-SLOPE * mean, abs=SLOPE * 4 / np.sqrt(1000))
    # The upper of two levels is the bin [0, 1]: uniform, of mean ½ and variance 1/12.
    assert float(metrics["energy_pos"]) == pytest.approx(-SLOPE * 0.5, abs=SLOPE * 4 / np.sqrt(12_000))
    if not contrasted:
        assert float(metrics["latent_mean_square"]) == pytest.approx(1 + 4, abs=4 * np.sqrt(18 / 1000))


def test_persistent_chains_go_on_from_where_they_are():
    bank = make_bank(8, 4)
    before, after, metrics = stepped(CONSTANT, chains=bank)
    old, new = (np.asarray(all_chains(bank, s.extra["chains"]))[:, 0] for s in (before, after))
    moved = new != old
    assert moved.sum() == 4
    np.testing.assert_allclose(new[moved], old[moved] + 2, rtol=1e-6)
    assert float(metrics["latent_mean_square"]) == pytest.approx(np.mean(new[moved] ** 2), rel=1e-5)
