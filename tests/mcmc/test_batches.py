"""Chains in batches: bit for bit the runs of the batches, or of chains with keys of their own, in the memory of one."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import standard_normal
from ebmjax.mcmc import hmc, langevin, mala, online, run_chain, run_in_batches, underdamped

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
COLLECT = {"x": lambda state, info: state.position, "moments": online.moments()}


def equal(found, expected):
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_a_batch_is_the_run_of_its_chains_and_the_last_may_be_small():
    kernel = hmc(standard_normal, step_size=0.5, num_leapfrog=3)
    end, info, found = run_in_batches(kernel, KEY, X, 6, batch_size=4, collect=COLLECT, thin=2)
    assert found["x"].shape == (3, 10, 3) and isinstance(end, np.ndarray)
    run = jax.jit(lambda key, x: run_chain(kernel, key, x, 6, collect=COLLECT, thin=2))
    for i, rows in enumerate((slice(0, 4), slice(4, 8), slice(8, 10))):
        state, mean, expected = run(jax.random.fold_in(KEY, i), X[rows])
        equal((end[rows], found["x"][:, rows]), (state.position, expected["x"]))
        equal(jax.tree.map(lambda a: a[rows], (info, found["moments"])), (mean, expected["moments"]))


@pytest.mark.parametrize("make", [mala, underdamped], ids=["mala", "underdamped"])
def test_with_keys_of_their_own_chains_do_not_notice_the_batch_size(make):
    """Bit for bit, also each chain run alone, and one that keeps a momentum."""
    kernel = make(standard_normal, step_size=0.5)
    run = partial(run_in_batches, kernel, KEY, X, 5, own_keys=True, collect=COLLECT)
    first = run(batch_size=10)
    equal(run(batch_size=3), first)
    state, _, alone = run_chain(kernel, jax.random.fold_in(KEY, 7), jnp.asarray(X[7:8]), 5, collect=COLLECT)
    np.testing.assert_allclose(first[0][7], state.position[0], rtol=1e-6)
    np.testing.assert_allclose(first[2]["x"][:, 7], alone["x"][:, 0], rtol=1e-6)
    shared = run_in_batches(kernel, KEY, X, 5, batch_size=10)[0]
    assert np.all(shared[1:] != first[0][1:])  # chain 0 has the key and the place of the first row of batch 0


def test_positions_may_be_pytrees_and_nothing_need_be_collected():
    position = {"a": X, "b": X[:, 0]}
    end, info, nothing = run_in_batches(langevin(standard_normal, step_size=0.5), KEY, position, 2, batch_size=5)
    assert jax.tree.map(np.shape, end) == {"a": (10, 3), "b": (10,)} and nothing is None
    assert info.energy.shape == (10,) and np.all(info.acceptance_rate == 1)


@pytest.mark.parametrize("own_keys", [False, True])
def test_data_of_every_chain_go_with_it(own_keys):
    """Gradient descent to targets of the chains' own: x' = x + s² / 2 (target - x)."""
    target = X[::-1].copy()
    make = lambda rows: langevin(lambda x: standard_normal(x - rows), step_size=1.0, noise_scale=0)
    end, _, _ = run_in_batches(make, KEY, X, 1, batch_size=4, data=target, own_keys=own_keys)
    np.testing.assert_allclose(end, (X + target) / 2, atol=1e-6)


def test_what_is_refused():
    bound = langevin(lambda x: standard_normal(x - X), step_size=1.0)
    with pytest.raises(ValueError, match="takes 10 rows at once, but not batch_size = 4: give what its potential"):
        run_in_batches(bound, KEY, X, 1, batch_size=4)
    assert run_in_batches(bound, KEY, X, 1, batch_size=10)[0].shape == X.shape
    make = partial(langevin, standard_normal, step_size=1.0)
    with pytest.raises(ValueError, match="a function of rows of data needs data"):
        run_in_batches(lambda rows: make(), KEY, X, 1, batch_size=4)
    with pytest.raises(ValueError, match="a kernel takes none"):
        run_in_batches(make(), KEY, X, 1, batch_size=4, data=X)
    with pytest.raises(ValueError, match="same first axis"):
        run_in_batches(make(), KEY, {"a": X, "b": X[:3]}, 1, batch_size=4)


def test_the_device_needs_the_memory_of_one_batch():
    """Temporary memory of the program, which is compiled for one batch whatever the number of chains."""
    compiled = []
    original = jax.jit

    def recording(function, **options):
        jitted = original(function, **options)

        def call(*args):
            compiled.append(jitted.lower(*args).compile().memory_analysis().temp_size_in_bytes)
            return jitted(*args)

        return call

    energy = lambda x: jnp.sum(jnp.tanh(x @ jnp.ones((3, 256))), axis=1) + standard_normal(x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ebmjax.mcmc.batches.jax.jit", recording)
        run_in_batches(mala(energy, step_size=0.1), KEY, np.tile(X, (20, 1)), 2, batch_size=20)
    assert len(compiled) == 10 and len(set(compiled)) == 1
    assert 20 * 256 * 4 <= compiled[0] < 10 * 20 * 256 * 4
