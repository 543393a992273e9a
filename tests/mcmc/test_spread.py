"""Chains inside `shard_map` and on meshes with explicit axes, where a loop checks how its arrays are spread."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from ebmjax import flows, mcmc
from ebmjax.energies import standard_gaussian, standard_normal
from ebmjax.estimators import likelihood
from ebmjax.estimators.decoding import beam_search, greedy
from ebmjax.estimators.ladder import exchange_log_z
from ebmjax.mcmc import bank, hmc, langevin, mala, online, run_chain
from ebmjax.pytree import spread_like
from tests.mcmc import test_gibbs_with_gradients as discrete
from tests.mcmc.test_kernels import KEY, TABLE, spread, start

NOT_INSIDE = ("blackjax_nuts",)
"""Loops of blackjax's own whose two ends have other types."""
NOT_EXPLICIT = ("blackjax_nuts", "blackjax_mclmc")
ROWS = PartitionSpec("data")


def mesh(kind):
    return jax.make_mesh((2,), ("data",), axis_types=(kind,))


def inside(fn, *arguments, specs):
    """The types of fn(key of the device, *arguments) in `shard_map` on two devices. specs: of the arguments."""

    def own(rng_key, *arguments):
        return fn(jax.random.fold_in(rng_key, jax.lax.axis_index("data")), *arguments)

    mapped = jax.shard_map(own, mesh=mesh(AxisType.Auto), in_specs=(PartitionSpec(), *specs), out_specs=ROWS)
    return jax.eval_shape(mapped, KEY, *arguments)


def end(build, key, x, potential=standard_normal):
    return run_chain(build(potential), key, x, 3)[0].position


def check_every_kernel():
    """Once split, once equal on both devices with different keys, once with explicit axes; traced, not compiled."""
    for name, case in TABLE.items():
        x = spread(case, start())
        run = lambda key, x, case=case: end(lambda potential: case.build(potential, x, 0.3), key, x)
        if name not in NOT_INSIDE:
            assert inside(run, x, specs=[ROWS]).shape == x.shape, name
            inside(run, x, specs=[PartitionSpec()])
        if name not in NOT_EXPLICIT:
            with jax.set_mesh(mesh(AxisType.Explicit)):
                found = jax.eval_shape(run, KEY, jax.device_put(x, ROWS))
            assert found.sharding.spec[0] == "data", name


def check_discrete_kernels():
    """The same of the kernels of test_gibbs_with_gradients.py."""
    for name, case in discrete.TABLE.items():
        x, run = discrete.rows_of(name), lambda key, x, case=case: end(case.kernel, key, x, case.potential)
        for specs in (ROWS, PartitionSpec()):
            inside(run, x, specs=[specs])
        with jax.set_mesh(mesh(AxisType.Explicit)):
            found = jax.eval_shape(run, KEY, jax.device_put(x, ROWS))
        assert all(leaf.sharding.spec[0] == "data" for leaf in jax.tree.leaves(found)), name


def check_warm_ups():
    """Every device learns numbers of its own, or all of them the same. (A product over chains, as a dense mass needs,
    does not say of itself how it is spread on a mesh with explicit axes.)"""
    for options in ({}, {"trajectory": "chees"}, {"mass": "dense"}, {"mass": None}):
        learn = partial(mcmc.warm_up, hmc, standard_normal, num_steps=20, **options)
        run = lambda key, x, learn=learn: learn(key, x).position
        assert inside(run, start(), specs=[ROWS]).shape == start().shape
        inside(run, start(), specs=[PartitionSpec()])
        if options.get("mass") != "dense":
            with jax.set_mesh(mesh(AxisType.Explicit)):
                found = jax.eval_shape(run, KEY, jax.device_put(start(), ROWS))
            assert found.sharding.spec[0] == "data", options


def check_potentials_of_data():
    """Starts are the same everywhere, and the potential has other examples on every device, with one key for all."""
    builds = [partial(langevin, step_size=0.1), partial(hmc, step_size=0.1, num_leapfrog=3)]
    for build in builds:
        posterior = lambda x, build=build: end(build, KEY, jnp.zeros((4, 2)), lambda z: standard_normal(z - x))
        jax.eval_shape(
            jax.shard_map(posterior, mesh=mesh(AxisType.Auto), in_specs=ROWS, out_specs=ROWS), jnp.ones((8, 2))
        )
        with jax.set_mesh(mesh(AxisType.Explicit)):
            posterior = lambda x, build=build: end(build, KEY, jnp.zeros((8, 2)), lambda z: standard_normal(z - x))
            assert jax.eval_shape(posterior, jax.device_put(jnp.ones((8, 2)), ROWS)).sharding.spec[0] == "data"


def check_what_scans_over_chains():
    """With one key for all devices, which have other examples."""
    kernel, x = partial(mala, step_size=0.3), jnp.ones((8, 2))
    base, betas = mcmc.base_from(standard_gaussian(2)), jnp.linspace(0.0, 1.0, 4)
    energy = lambda x: lambda z: standard_normal(z - x)
    anneal = lambda key, x: mcmc.annealed_importance_sampling(
        key, base, energy(x), betas=betas, make_kernel=kernel, num_chains=4
    )
    inside(lambda _, x: anneal(KEY, x).log_weights, x, specs=[ROWS])
    options = {"make_kernel": kernel, "num_particles": 24, "max_temperatures": 3}
    smc = lambda key, x: mcmc.tempered_smc(key, base, energy(jnp.mean(x)), **options).log_z[None]
    inside(lambda _, x: smc(KEY, x), x, specs=[ROWS])
    inside(lambda key, x: smc(key, jnp.ones(4)), x, specs=[ROWS])
    exchange = lambda key, x: exchange_log_z(
        key, base, energy(jnp.mean(x)), betas=betas, make_kernel=kernel, num_chains=4, num_steps=8
    ).log_z[None]
    inside(lambda _, x: exchange(KEY, x), x, specs=[ROWS])
    path = lambda key, x: likelihood.thermodynamic_log_likelihood(
        key, kernel, standard_normal, lambda z: -energy(x)(z), jnp.zeros((4, 2)), betas, num_warmup=1, num_steps=2
    )
    inside(lambda _, x: path(KEY, x)[0], x, specs=[ROWS])
    for num_terms in (0, 2):
        jacobian = lambda key, x, n=num_terms: likelihood.chain_log_abs_det_rows(
            langevin(standard_normal, step_size=0.3), key, x, 2, num_terms=n
        )
        inside(lambda _, x, f=jacobian: f(KEY, x)[1], x, specs=[ROWS])
    step = lambda hidden, z, last: (hidden + z, jnp.concatenate([hidden + z, z, z], axis=1))
    inside(lambda key, z: greedy(lambda z: jnp.zeros(z.shape), step, z, 5), x, specs=[ROWS])
    inside(lambda key, z: beam_search(lambda z: jnp.zeros(z.shape), step, z, 5, width=2)[1], x, specs=[ROWS])
    flow = flows.make_flow("autoregressive", (2,), num_layers=2)
    params = flow.init(KEY, x)
    inside(lambda key, x: flow.encode(params, x)[1], x, specs=[ROWS])


def check_banks():
    """Every device has a bank of its own."""
    own = bank.make_bank(6, 4, num_groups=2)

    def turn(key, store):
        index = bank.draw(own, key)
        start = bank.reinitialise(key, bank.read(own, store, index), jnp.zeros((4, 2)), 0.5)
        return bank.write(own, store, index, end(partial(langevin, step_size=0.3), key, start))

    assert inside(turn, jnp.ones((12, 2)), specs=[ROWS]).shape == (12, 2)


def check_statistics():
    """Of all kinds, with thinned traces, of a kernel that reports everything and of one that does not."""
    collect = {
        "halves": online.in_halves(online.moments(covariance=True)),
        "ebfmi": online.ebfmi(),
        "x": lambda state, info: state.position,
    }
    for build in (partial(hmc, step_size=0.4, num_leapfrog=2), partial(langevin, step_size=0.4)):

        def run(key, x, build=build):
            _, info, found = run_chain(build(standard_normal), key, x, 4, collect=collect, thin=2)
            return info, found.pop("x")[-1], found

        assert inside(run, jnp.ones((8, 2)), specs=[ROWS])[2]["halves"].mean.shape == (8, 2, 2)
        with jax.set_mesh(mesh(AxisType.Explicit)):
            found = jax.eval_shape(run, KEY, jax.device_put(jnp.ones((8, 2)), ROWS))
        assert found[2]["ebfmi"].sharding.spec[0] == "data"


def check_values():
    """A device's chains are those that its part of the start and its key give on one device."""
    x = start()[:8]
    run = lambda key, x: end(partial(hmc, step_size=0.4, num_leapfrog=2), key, x)
    own = lambda x: run(jax.random.fold_in(KEY, jax.lax.axis_index("data")), x)
    found = jax.jit(jax.shard_map(own, mesh=mesh(AxisType.Auto), in_specs=ROWS, out_specs=ROWS))(x)
    alone = jax.jit(run)
    expected = [alone(jax.random.fold_in(KEY, i), part) for i, part in enumerate(jnp.split(x, 2))]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-6)


@pytest.mark.slow
def test_two_devices():
    names = [name for name in globals() if name.startswith("check_")]
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); import tests.mcmc.test_spread as t\n"
    code += "\n".join(f"t.{name}()" for name in names)
    env = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]


def test_without_a_mesh_nothing_is_added():
    x = {"a": jnp.ones((4, 2))}
    assert spread_like(x, jnp.ones(4)) is x
    with jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((2,), ("data",), axis_types=(AxisType.Auto,))):
        assert spread_like(x, jnp.ones(4)) is x
