"""What can be sent to another process: builders, chains, banks and states; kernels are built there."""

import pickle
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import standard_normal
from ebmjax.mcmc import (
    KERNELS,
    Chain,
    StepSize,
    adapt_step_size,
    dual_averaging,
    make_bank,
    mala,
    replica_exchange,
    run_chain,
    sample_chain,
    sign_rule,
)

KEY, START = jax.random.key(0), jnp.ones((4, 2))


def again(value):
    return pickle.loads(pickle.dumps(value))


def test_a_chain_and_its_state_go_on_elsewhere():
    make_kernel = partial(adapt_step_size, make_kernel=mala, step_size=0.1, target=0.8, rule=sign_rule(0.1))
    chain = Chain(make_kernel, 2)
    state, _, _ = sample_chain(chain, standard_normal, KEY, START)
    run = lambda chain, state: sample_chain(chain, standard_normal, KEY, state.position, adapt=state.adapt)[0]
    np.testing.assert_array_equal(run(again(chain), again(state)).position, run(chain, state).position)


@pytest.mark.parametrize("rule", [sign_rule(0.1), dual_averaging(0.1, 5.0)])
def test_rules_pickle(rule):
    adapt = StepSize(jnp.array(0.5), jnp.array(0.0), jnp.array(0.2), jnp.array(3), ())
    assert again(rule)(adapt, jnp.array(0.3), 0.0) == rule(adapt, jnp.array(0.3), 0.0)


@pytest.mark.parametrize("builder", [*KERNELS.values(), partial(replica_exchange, temperatures=[1.0, 2.0])])
def test_builders_pickle(builder):
    assert again(partial(builder, step_size=0.1)).keywords["step_size"] == 0.1
    assert again(make_bank(8, 4)) == make_bank(8, 4)


def test_a_kernel_is_built_anew():
    """Its functions hold the potential, which may hold traced parameters; its builder is what is sent."""
    kernel = mala(standard_normal, step_size=0.1)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(kernel)
    rebuilt = again(partial(mala, standard_normal, step_size=0.1))()
    run = lambda kernel: run_chain(kernel, KEY, START, 2)[0].position
    np.testing.assert_array_equal(run(rebuilt), run(kernel))
