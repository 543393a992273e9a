"""blackjax's samplers behind our contract: conventions converted, state carried, errors named."""

import re
import sys
from contextlib import suppress
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import double_well, standard_normal
from ebmjax.mcmc import from_blackjax, hmc, mala, run_chain
from ebmjax.mcmc.blackjax import find_algorithm

pytest.importorskip("blackjax")
KEY = jax.random.key(0)


@pytest.mark.parametrize(
    "ours, algorithm, options",
    [
        (mala, "mala", {}),
        (hmc, "hmc", {"num_integration_steps": 4}),
        (hmc, "hmc", {"num_integration_steps": 4, "inverse_mass_matrix": 0.25 * jnp.ones(400), "step_size": 0.6}),
    ],
)
def test_the_same_step_size_and_temperature_mean_the_same(ours, algorithm, options):
    """Mean acceptance on N(0, I_400) at T = 2 within 4 standard errors of our kernel's."""
    num, t = 1500, 2.0
    options = {"step_size": 0.85 if ours is mala else 0.6, "temperature": t} | options
    x = np.sqrt(t) * jax.random.normal(KEY, (num, 400))
    rates = jax.jit(lambda kernel_step, state: kernel_step(KEY, state)[1].acceptance_rate, static_argnums=0)
    theirs = from_blackjax(standard_normal, algorithm=algorithm, **options)
    if "inverse_mass_matrix" in options:
        options["inverse_mass"] = options.pop("inverse_mass_matrix")
    if "num_integration_steps" in options:
        options |= {"num_leapfrog": options.pop("num_integration_steps"), "jitter": 0}
    mine = ours(standard_normal, **options)
    found, expected = rates(theirs.step, theirs.init(x)), rates(mine.step, mine.init(x))
    assert abs(found.mean() - expected.mean()) < 4 * np.sqrt((found.var() + expected.var()) / num)
    assert expected.mean() < 0.97  # it could be told from another step size


def test_energies_are_ours_at_every_temperature():
    energy, x = double_well().energy, jax.random.normal(KEY, (32, 2))
    schedules = dict(step_size=lambda k: jnp.where(k < 4, 0.5, 0.0), temperature=lambda k: 3.0 - 0.1 * k)
    kernel = from_blackjax(energy, algorithm="barker", **schedules)
    collect = lambda state, info: state.position
    state, info, trace = jax.jit(lambda x: run_chain(kernel, KEY, x, 6, collect=collect))(x)
    np.testing.assert_allclose(state.energy, energy(state.position), rtol=1e-4, atol=1e-5)
    grad = jax.grad(lambda x: jnp.sum(energy(x)))(state.position)
    np.testing.assert_allclose(state.grad, grad, rtol=1e-3, atol=1e-3)
    assert np.all(info.acceptance_rate <= 1.0)
    # A step size of 0 freezes from the fifth step on.
    np.testing.assert_allclose(trace[5], trace[3], atol=1e-6)
    assert np.all(np.any(trace[3] != x, axis=1))


def test_what_it_carries_survives_but_places_are_looked_up_afresh():
    """mclmc's momentum goes on through `adapt`; positions, energies and gradients come from the new potential."""
    x = jax.random.normal(KEY, (16, 2))
    make = lambda scale: from_blackjax(
        lambda x: scale * standard_normal(x), algorithm="mclmc", step_size=0.1, L=1e6, init_key=jax.random.key(7)
    )
    run = jax.jit(lambda scale, x, adapt: run_chain(make(scale), KEY, x, 3, adapt=adapt)[0])
    begin = jax.jit(lambda x: make(1.0).init(x).adapt)
    first = run(1.0, x, begin(x))
    momentum = first.adapt.momentum
    assert first.adapt.position == () and momentum.shape == (16, 2)
    np.testing.assert_allclose(np.linalg.norm(momentum, axis=1), 1.0, rtol=1e-4)
    again = run(2.0, first.position + 1.0, first.adapt)
    np.testing.assert_allclose(again.energy, 2.0 * standard_normal(again.position), rtol=1e-4)
    assert np.max(np.abs(again.position - first.position - 1.0)) < 0.8  # 3 steps of about 0.1 √2 from the new place
    fresh = run(2.0, first.position + 1.0, begin(x))
    assert np.max(np.abs(fresh.position - again.position)) > 0.1
    other = from_blackjax(standard_normal, algorithm="mclmc", step_size=0.1)  # another init_key
    assert np.all(jax.jit(other.init)(x).adapt.momentum != begin(x).momentum)


@pytest.mark.parametrize("algorithm", ["nuts", "barker"])
def test_a_potential_may_hold_data_and_labels_of_every_chain(algorithm):
    """Chain i has the target N(centre[label_i] + shift_i, 0.1²): it goes there, and its energy is its own."""
    label, shift = np.arange(12) % 3, jnp.linspace(-1.0, 1.0, 12)[:, None]

    @jax.jit
    def run(label, shift):
        centre = jnp.array([0.0, 5.0, -5.0])[label][:, None] + shift
        potential = lambda x: standard_normal((x - centre) / 0.1)
        kernel = from_blackjax(potential, algorithm=algorithm, step_size=0.1)
        state, _, x = run_chain(kernel, KEY, centre + 0.3, 60, collect=lambda state, info: state.position)
        return centre, jnp.mean(x[20:], axis=0), state.energy - potential(state.position)

    centre, mean, difference = run(label, shift)
    # 40 draws of autocorrelation time below 10: an error of at most 0.05.
    np.testing.assert_allclose(mean, centre, atol=0.2)
    np.testing.assert_allclose(difference, 0.0, atol=1e-4)


def test_samplers_without_gradient():
    propose = lambda rng_key, x: x + 0.5 * jax.random.normal(rng_key, x.shape)
    kernel = from_blackjax(standard_normal, algorithm="rmh", proposal_generator=propose)
    state, info, _ = jax.jit(lambda x: run_chain(kernel, KEY, x, 40))(jnp.zeros((512, 1)))
    assert state.grad == () and not info.grad_norm.any()
    assert 0.5 < info.acceptance_rate.mean() < 0.95 and 0.7 < np.std(state.position) < 1.2


@pytest.mark.parametrize(
    "options, message",
    [
        *[
            (
                {"algorithm": name},
                rf"^blackjax\.{name} is no sampler of a log density that moves one position; examples",
            )
            for name in (
                *("nutz", "sgld", "rhat", "hmc_", "SamplingAlgorithm", "__version__", "elliptical_slice"),
                *("orbital_hmc", "pathfinder", "multipathfinder", "chees_adaptation", "meads_adaptation"),
                *("window_adaptation", "mclmc_lrd_warmup", "meanfield_vi", "schrodinger_follmer", "tempered_smc"),
            )
        ],
        ({"algorithm": "mgrad_gaussian", "covariance": jnp.eye(2)}, "by a Gaussian prior of its own; examples"),
        ({"algorithm": "irmh", "proposal_distribution": lambda key: 0.0}, "without the parameter proposal_logdensity"),
    ],
)
def test_what_is_no_sampler_of_the_density_is_refused(options, message):
    with pytest.raises(ValueError, match=message) as error:
        from_blackjax(standard_normal, **options)
    assert "\n" not in str(error.value)


def test_every_other_sampler_declares_what_is_asked_of_it():
    """The names that pass, of those that blackjax has: a new release may add some, and must not lose any."""
    import blackjax

    def passes(name):
        with suppress(ValueError):
            return find_algorithm(name)

    found = {name for name in dir(blackjax) if passes(name)}
    known = {"additive_step_random_walk", "adjusted_mclmc", "adjusted_mclmc_dynamic", "barker", "dynamic_hmc", "ghmc"}
    assert known | {"hmc", "irmh", "mala", "mclmc", "nuts", "rmh", "rmhmc"} <= found
    assert not {name for name in found if "adaptation" in name or "_vi" in name or "pathfinder" in name}


def test_independent_proposals_with_their_density_sample_the_target():
    """N(0, 1) from proposals N(0, 2²): a variance of 1; the product of both, 4 / 5, without the proposal's density."""
    kernel = from_blackjax(
        standard_normal,
        algorithm="irmh",
        proposal_distribution=lambda key: 2.0 * jax.random.normal(key, (1,)),
        proposal_logdensity_fn=lambda old, new: -0.125 * jnp.sum(new.position**2),
    )
    x = jax.jit(lambda x: run_chain(kernel, KEY, x, 20)[0].position)(jnp.zeros((4000, 1)))
    assert abs(np.var(x) - 1.0) < 4 * np.sqrt(2 / 4000)


@pytest.mark.parametrize("x64", [True, False])
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
@pytest.mark.parametrize("algorithm", ["nuts", "barker", "mclmc", "mala", "ghmc"])
def test_positions_keep_their_type(algorithm, dtype, x64):
    """At least float32. Abstractly: also where JAX's default is float64, and with parameters of either type."""
    options = {"step_size": jnp.float32(0.3)}
    if algorithm == "ghmc":
        options |= {"momentum_inverse_scale": jnp.ones(6), "alpha": 0.5, "delta": 0.1}
    with jax.enable_x64(x64):
        kernel = from_blackjax(standard_normal, algorithm=algorithm, **options)
        x = {"a": jnp.zeros((4, 2), dtype), "b": jnp.zeros((4, 2, 2), dtype)}
        state, _, _ = jax.eval_shape(lambda x: run_chain(kernel, KEY, x, 2), x)
        assert {leaf.dtype for leaf in jax.tree.leaves((state.position, state.energy, state.grad))} == {
            jnp.dtype(jnp.float32)
        }


@pytest.mark.parametrize("dtype, x64", [(jnp.float32, True), (jnp.bfloat16, False)])
def test_other_types_sample_the_same_law(dtype, x64):
    """N(3, 1), where bfloat16 numbers are 1/64 apart: 1,500 chains with an acceptance of about .85."""
    with jax.enable_x64(x64):
        kernel = from_blackjax(lambda x: standard_normal(x - 3), algorithm="barker", step_size=1.0)
        start = jax.random.normal(KEY, (1500, 2), jnp.float32).astype(dtype) + jnp.asarray(3, dtype)
        state, info, _ = jax.jit(lambda x: run_chain(kernel, KEY, x, 30))(start)
        energy = standard_normal(state.position - 3)
    x = np.asarray(state.position, np.float64)
    assert abs(x.mean() - 3.0) < 4 / np.sqrt(3000) and abs(x.var() - 1.0) < 4 * np.sqrt(2 / 3000)
    np.testing.assert_allclose(np.asarray(state.energy, float), np.asarray(energy, float), rtol=0.01)
    assert 0.75 < np.mean(np.asarray(info.acceptance_rate, float)) < 0.95


@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"algorithm": "nuts"},
            r"blackjax.nuts: missing a required argument: 'step_size'; its parameters are step_size",
        ),
        ({"algorithm": "nuts", "step_size": 0.1, "num_leapfrog": 3}, "unexpected keyword argument 'num_leapfrog'"),
    ],
)
def test_wrong_parameters_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        from_blackjax(standard_normal, **options).init(jnp.zeros((4, 2)))


def test_a_potential_of_a_wrong_shape_is_named():
    kernel = from_blackjax(lambda x: jnp.sum(x**2), algorithm="mala", step_size=0.1)
    with pytest.raises(ValueError, match=r"must return energy\[B\] = \(4,\), got shape \(\)"):
        kernel.init(jnp.zeros((4, 2)))


def test_without_blackjax_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "blackjax", None)
    with pytest.raises(ImportError, match="from_blackjax needs blackjax: pip install blackjax"):
        from_blackjax(standard_normal, algorithm="nuts", step_size=0.1)


@pytest.mark.slow
def test_the_documents_tuning_runs():
    """Window adaptation finds scales from .01 to 10 within a factor, and the kernel made with them mixes."""
    text = (Path(__file__).parents[2] / "docs/choosing_a_sampler.md").read_text()
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "window_adaptation" in code]
    found = {}
    exec(compile(code, "choosing_a_sampler.md", "exec"), found)
    # Variances of some 500 correlated draws of one chain.
    np.testing.assert_allclose(found["inverse_mass"] / found["scales"] ** 2, 1.0, atol=0.7)
    # The ESS of the squares is some 1,400: a standard error of √(2 / 1400) = 4 % of the variance.
    np.testing.assert_allclose(np.var(found["draws"][100:], axis=(0, 1)) / found["scales"] ** 2, 1.0, atol=0.2)
