"""Persistent chains: which rows a step draws, changes and keeps, and that devices agree about it."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.data.loader import epoch_order, make_loader
from ebmjax.energies import standard_normal
from ebmjax.mcmc import langevin, make_bank, run_chain
from ebmjax.mcmc.bank import all_chains, draw, fill, oldest, read, reinitialise, row_of, write

KEY = jax.random.key(0)
BANKS = [make_bank(64, 16), make_bank(59, 16), make_bank(61, 12), make_bank(10, 3), make_bank(8, 8), make_bank(9, 8)]
ids = lambda bank: f"{bank.num_chains}-{bank.batch_size}-{bank.num_groups}"


def numbered(bank):
    """A store whose chain i is at (i, i + 0.5) and {i}; padding is NaN."""
    chains = jnp.arange(bank.num_chains, dtype=jnp.float32)
    store = fill(bank, {"a": jnp.stack([chains, chains + 0.5], axis=1), "b": (chains,)})
    real = np.zeros(bank.num_rows, bool)
    real[row_of(bank, np.arange(bank.num_chains))] = True
    return jax.tree.map(lambda leaf: jnp.where(real.reshape(-1, *(1,) * (leaf.ndim - 1)), leaf, jnp.nan), store), real


def groups_of(bank, index):
    return np.searchsorted(bank.edges[1:], index, side="right")


@pytest.mark.parametrize("bank", BANKS, ids=ids)
def test_layout(bank):
    """Groups differ by at most one chain and are padded alike; every chain has a row of its own in its group."""
    sizes = np.diff(bank.edges)
    assert sizes.sum() == bank.num_chains and np.ptp(sizes) <= 1 and bank.group_rows == sizes.max()
    assert bank.num_rows == bank.num_groups * bank.group_rows < bank.num_chains + bank.num_groups
    chains = np.arange(bank.num_chains)
    rows = np.asarray(row_of(bank, chains))
    assert len(set(rows)) == bank.num_chains and rows.dtype == np.int32
    np.testing.assert_array_equal(rows // bank.group_rows, groups_of(bank, chains))
    store, real = numbered(bank)
    assert store["a"].shape == (bank.num_rows, 2) and real.sum() == bank.num_chains
    np.testing.assert_array_equal(all_chains(bank, store)["b"][0], chains)
    np.testing.assert_array_equal(store["a"][rows, 0], chains)


@pytest.mark.parametrize("bank", BANKS, ids=ids)
def test_draws_are_unique_grouped_and_never_padding(bank):
    """Distinct chains, as many of each group, in group order; read and written in their own rows and no other."""
    store, real = numbered(bank)
    draws = np.asarray(jax.jit(jax.vmap(partial(draw, bank)))(jax.random.split(KEY, 300)))
    expected = np.repeat(np.arange(bank.num_groups), bank.batch_size // bank.num_groups)
    assert draws.dtype == np.int32
    np.testing.assert_array_equal(groups_of(bank, draws), np.broadcast_to(expected, draws.shape))
    assert all(len(set(index)) == bank.batch_size for index in draws)
    assert set(draws.reshape(-1)) == set(range(bank.num_chains))  # and each chain has its turn
    index = jnp.asarray(draws[0])
    start = jax.jit(partial(read, bank))(store, index)
    np.testing.assert_array_equal(start["a"], np.stack([index, index + 0.5], axis=1))
    new = jax.jit(partial(write, bank))(store, index, jax.tree.map(lambda leaf: -leaf - 1.0, start))
    changed = np.zeros(bank.num_rows, bool)
    changed[row_of(bank, index)] = True
    np.testing.assert_array_equal(new["b"][0] != store["b"][0], changed | ~real)  # NaN differs from itself
    assert np.all(np.isnan(new["a"][~real]))
    np.testing.assert_array_equal(all_chains(bank, new)["b"][0][index], -index - 1.0)


def test_draws_are_uniform():
    """Each of the 7 or 8 chains of a group is drawn equally often, each pair too: binomial, within 4 sd."""
    bank = make_bank(15, 4, num_groups=2)
    draws = np.asarray(jax.jit(jax.vmap(partial(draw, bank)))(jax.random.split(KEY, 7000)))
    counts = np.bincount(draws.reshape(-1), minlength=15) / 7000
    p = np.repeat([2 / 7, 2 / 8], [7, 8])
    np.testing.assert_array_less(np.abs(counts - p), 4 * np.sqrt(p * (1 - p) / 7000))
    together = np.mean((draws[:, :2].min(1) == 0) & (draws[:, :2].max(1) == 6))
    assert abs(together - 1 / 21) < 4 * np.sqrt(1 / 21 / 7000)


def test_one_chain_per_example_returns_its_last_position():
    """With the loader's batches over three epochs, each example finds exactly what it left."""
    loader, bank = make_loader(59, 16), make_bank(59, 16)
    assert loader.num_groups == bank.num_groups
    store = fill(bank, {"z": jnp.zeros((59, 2)), "visits": jnp.zeros(59, jnp.int32)})
    last, visits = np.zeros((59, 2), np.float32), np.zeros(59, np.int32)
    turn = jax.jit(lambda store, index, z: (read(bank, store, index), write(bank, store, index, z)))
    for epoch in range(3):
        for step, index in enumerate(np.asarray(epoch_order(loader, KEY, epoch))):
            z = np.random.default_rng((epoch, step)).normal(size=(16, 2)).astype(np.float32)
            found, store = turn(store, jnp.asarray(index), {"z": z, "visits": visits[index] + 1})
            np.testing.assert_array_equal(found["z"], last[index])
            np.testing.assert_array_equal(found["visits"], visits[index])
            last[index], visits[index] = z, visits[index] + 1
    np.testing.assert_array_equal(all_chains(bank, store)["z"], last)
    assert visits.max() == 3 and visits.sum() == 9 * 16


def test_long_chains_from_the_bank_leave_it_as_it_was():
    bank = make_bank(13, 4, num_groups=2)
    store, before = numbered(bank)[0]["a"], np.array(numbered(bank)[0]["a"])
    run = lambda store: run_chain(langevin(standard_normal, step_size=0.3), KEY, all_chains(bank, store), 50)[0]
    end = jax.jit(run)(store).position
    assert end.shape == (13, 2) and np.all(np.abs(end[5:]) < 5.0)  # they did go somewhere
    np.testing.assert_array_equal(store, before)


def test_ring_overwrites_the_oldest():
    """In each group of n, batches of b at successive places: after every n / b steps each chain was written once."""
    bank = make_bank(13, 4, num_groups=2)
    steps = np.asarray(jax.jit(jax.vmap(partial(oldest, bank)))(jnp.arange(42)))
    assert all(len(set(index)) == 4 for index in steps)
    np.testing.assert_array_equal(groups_of(bank, steps), np.broadcast_to([0, 0, 1, 1], steps.shape))
    np.testing.assert_array_equal(steps[:4], [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11], [0, 1, 12, 6]])
    # 42 steps are 14 rounds of the group of 6 and 12 of the group of 7.
    np.testing.assert_array_equal(np.bincount(steps.reshape(-1)), [14] * 6 + [12] * 7)
    late = jnp.asarray(2**31 - 1)  # no overflow: the place is still that of exact integers
    np.testing.assert_array_equal(oldest(bank, late)[:2], (2 * (2**31 - 1) + np.arange(2)) % 6)


def test_reinitialised_fraction_is_binomial():
    """Number of fresh rows in a batch of 64 at p = 0.05: mean and variance of Binomial(64, p), within 4 sd."""
    old, fresh = {"a": jnp.zeros((64, 3)), "b": jnp.zeros(64)}, {"a": jnp.ones((64, 3)), "b": jnp.ones(64)}
    run = jax.jit(jax.vmap(lambda key: reinitialise(key, old, fresh, 0.05)))
    new = run(jax.random.split(KEY, 2000))
    np.testing.assert_array_equal(new["a"], np.broadcast_to(new["b"][..., None], new["a"].shape))  # whole rows
    counts, mean, variance = np.sum(new["b"], axis=1), 64 * 0.05, 64 * 0.05 * 0.95
    assert abs(counts.mean() - mean) < 4 * np.sqrt(variance / 2000)
    assert abs(counts.var() - variance) < 4 * variance * np.sqrt(2.4 / 2000)  # excess kurtosis (1 - 6pq) / (npq) < 0.4
    np.testing.assert_array_equal(reinitialise(KEY, old, fresh, 0.0)["a"], old["a"])
    np.testing.assert_array_equal(reinitialise(KEY, old, fresh, 1.0)["a"], fresh["a"])


def test_a_misplaced_index_is_loud_and_harmless():
    """A batch that is not in group order reads NaN, not another example's chain, and writes nothing."""
    bank = make_bank(13, 4, num_groups=2)
    store = fill(bank, jnp.arange(13.0))
    index = jnp.array([0, 6, 8, 1])  # the second and the last are in each other's group; 6 would fall on the padding
    np.testing.assert_array_equal(jax.jit(partial(read, bank))(store, index), [0, np.nan, 8, np.nan])
    new = jax.jit(partial(write, bank))(store, index, jnp.full(4, -1.0))
    assert np.flatnonzero(new == -1.0).tolist() == [0, int(row_of(bank, 8))]


def test_misuse_is_named():
    with pytest.raises(ValueError, match="a batch of 16 cannot be drawn from 15 chains"):
        make_bank(15, 16)
    with pytest.raises(ValueError, match="the bank has 9 chains, got 4 positions"):
        fill(make_bank(9, 8), jnp.zeros((4, 2)))
    with pytest.raises(ValueError, match="does not split into 8 equal groups"):
        read(make_bank(9, 8), jnp.zeros((16, 2)), jnp.arange(9))


def pool_step(bank, store, key):
    """One step of a pool of chains with re-initialisation and Langevin moves."""
    draw_key, fresh_key, noise_key, chain_key = jax.random.split(key, 4)
    index = draw(bank, draw_key)
    fresh = jax.random.uniform(noise_key, (bank.batch_size, 3), minval=-1.0)
    start = reinitialise(fresh_key, read(bank, store, index), fresh, 0.2)
    end = run_chain(langevin(standard_normal, step_size=0.3), chain_key, start, 3)[0].position
    return write(bank, store, index, end), index


def run_pool(bank, sharding=None):
    store = fill(bank, jax.random.uniform(KEY, (bank.num_chains, 3)))
    store = store if sharding is None else jax.device_put(store, sharding)
    return jax.jit(lambda store: jax.lax.scan(partial(pool_step, bank), store, jax.random.split(KEY, 20)))(store)


SCRIPT = """
import re, sys; sys.path.insert(0, {tests!r})
import jax, numpy as np
import test_bank as t
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
mesh = Mesh(np.asarray(jax.devices()), ("data",), axis_types=(AxisType.Auto,))
assert mesh.size == 8
rows = NamedSharding(mesh, PartitionSpec("data"))
bank = t.make_bank(59, 16)
store, draws = t.run_pool(bank, rows)
assert store.sharding.is_equivalent_to(rows, 2), store.sharding
np.savez({out!r}, store=store, draws=draws)
# Reading and writing move nothing between devices: no collective in the compiled program.
put = lambda x: jax.device_put(x, rows)
turn = jax.jit(lambda s, i, x: (t.read(bank, s, i), t.write(bank, s, i, x)), out_shardings=rows)
text = turn.lower(store, put(draws[0]), put(np.zeros((16, 3), np.float32))).compile().as_text()
assert "gather" in text and not re.findall("all-gather|all-reduce|all-to-all|collective-permute", text), text
"""


@pytest.mark.slow
def test_eight_devices_agree_with_one(tmp_path):
    out = tmp_path / "eight.npz"
    code = SCRIPT.format(tests=str(Path(__file__).parent), out=str(out))
    env = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    eight, bank = np.load(out), make_bank(59, 16)
    store, draws = run_pool(bank)
    np.testing.assert_array_equal(eight["draws"], draws)
    np.testing.assert_allclose(all_chains(bank, eight["store"]), all_chains(bank, store), rtol=1e-5, atol=1e-6)
