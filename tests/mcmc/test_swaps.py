"""Round trips along a ladder, counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.energies import standard_normal
from ebmjax.mcmc import replica_exchange, run_chain
from ebmjax.mcmc.swaps import count_trips
from tests.mcmc.test_tempering import still

KEY = jax.random.key(0)


def trips(num, num_steps):
    """Total of all round trips after each round, with equal temperatures, at which every swap is accepted."""
    kernel = replica_exchange(standard_normal, temperatures=jnp.ones(num), make_kernel=still)
    position = jnp.zeros((2, num, 1))
    run = jax.jit(lambda: run_chain(kernel, KEY, position, num_steps, collect=lambda s, _: s.adapt.round_trips))
    state, _, counts = run()
    np.testing.assert_array_equal(counts[:, 0], counts[:, 1])
    np.testing.assert_array_equal(counts[-1], state.adapt.round_trips)
    return counts[:, 0].tolist()


def test_two_replicas():
    """They swap in rounds 1, 3, 5 ...: the first is back after 3 rounds, the second (0 first in round 1) after 5."""
    assert trips(2, 8) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_three_replicas():
    """a b c -> b a c -> b c a -> c b a -> c a b -> a c b -> a b c: a is back after 5 rounds, b after 7, c after 9.

    c, which starts at the far end, and b, which starts between them, first come to replica 0 without a trip.
    """
    assert trips(3, 11) == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4]


def test_one_replica_makes_no_trips():
    assert trips(1, 3) == [0, 0, 0]


def test_half_a_trip_is_none():
    """At replica 0 without having been at the far end since; at the far end without having been at replica 0."""
    visited = jnp.array([[1, 2, 0], [2, 0, 1], [0, 1, 2]])
    after, round_trips = count_trips(visited, jnp.array([4, 4, 4]))
    np.testing.assert_array_equal(after, [[1, 2, 0], [1, 0, 2], [1, 1, 2]])
    np.testing.assert_array_equal(round_trips, [4, 5, 4])


def test_counts_go_on_in_the_next_run():
    kernel = replica_exchange(standard_normal, temperatures=jnp.ones(2), make_kernel=still)
    run = jax.jit(lambda state: run_chain(kernel, KEY, state.position, 1, adapt=state.adapt)[0])
    state = kernel.init(jnp.zeros((2, 2, 1)))
    for _ in range(5):
        state = run(state)
    np.testing.assert_array_equal(state.adapt.round_trips, [2, 2])
    np.testing.assert_array_equal(state.adapt.visited, [[1, 2]] * 2)
