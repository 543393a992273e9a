"""Recurrent cells, and a loop over sequences that stops after the longest one.

A cell is a recurrent layer without its matrix products: (of_input `[B, G]`, of_state `[B, G]`, carry) -> carry, where
G is a multiple of the width H and carry is a tuple of arrays `[B, H]`, the last of which is the hidden state.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.types import Array

Carry = tuple[Array, ...]


def lstm(of_input: Array, of_state: Array, carry: Carry) -> Carry:
    """Long short-term memory, G = 4 H, carry (cell, hidden)."""
    i, f, g, o = jnp.split(of_input + of_state, 4, axis=-1)
    cell = jax.nn.sigmoid(f) * carry[0] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return cell, jax.nn.sigmoid(o) * jnp.tanh(cell)


def gru(of_input: Array, of_state: Array, carry: Carry) -> Carry:
    """Gated recurrent unit, G = 3 H, carry (hidden,); the reset gate acts after the product, as in cuDNN."""
    (hidden,) = carry
    r, u, n = jnp.split(of_input, 3, axis=-1)
    r_state, u_state, n_state = jnp.split(of_state, 3, axis=-1)
    update = jax.nn.sigmoid(u + u_state)
    return (update * hidden + (1 - update) * jnp.tanh(n + jax.nn.sigmoid(r + r_state) * n_state),)


CELLS: dict[str, tuple[Callable[[Array, Array, Carry], Carry], int]] = {"lstm": (lstm, 4), "gru": (gru, 3)}
"""name -> (cell, G / H)."""


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def run_cell(cell: Callable, inputs: Array, carry: Carry, kernel: Array, num_steps: Array) -> Array:
    """Hidden states `[L, B, H]` of a cell over inputs `[L, B, G]`, 0 from num_steps on.

    carry: at the start. kernel: `[H, G]` of the hidden state. num_steps: int32 scalar ≤ L, may be traced. Unlike
    `lax.scan`, later steps are not computed, neither forward nor backward. Differentiable once in reverse mode, and
    the result again in forward mode.
    """
    return _forward(cell, inputs, carry, kernel, num_steps)[0]


def _forward(cell, inputs, carry, kernel, num_steps):
    def body(t, found):
        carry, carries, of_states, hiddens = found
        of_state = carry[-1] @ kernel
        carries = tuple(all_steps.at[t].set(now) for all_steps, now in zip(carries, carry, strict=True))
        carry = cell(inputs[t], of_state, carry)
        return carry, carries, of_states.at[t].set(of_state), hiddens.at[t].set(carry[-1])

    rows = lambda leaf: jnp.zeros((len(inputs), *leaf.shape), leaf.dtype)
    start = carry, tuple(rows(leaf) for leaf in carry), jnp.zeros_like(inputs), rows(carry[-1])
    _, carries, of_states, hiddens = jax.lax.fori_loop(0, num_steps, body, start)
    return hiddens, (inputs, carries, of_states, kernel, num_steps)


def _backward(cell, saved, of_hiddens):
    inputs, carries, of_states, kernel, num_steps = saved

    def body(i, found):
        of_carry, of_inputs, of_products = found
        t = num_steps - 1 - i
        of_carry = (*of_carry[:-1], of_carry[-1] + of_hiddens[t])
        _, pull = jax.vjp(cell, inputs[t], of_states[t], tuple(leaf[t] for leaf in carries))
        of_input, of_product, of_carry = pull(of_carry)
        of_carry = (*of_carry[:-1], of_carry[-1] + of_product @ kernel.T)
        return of_carry, of_inputs.at[t].set(of_input), of_products.at[t].set(of_product)

    zeros = jnp.zeros_like(inputs)
    start = tuple(jnp.zeros_like(leaf[0]) for leaf in carries), zeros, zeros
    of_carry, of_inputs, of_products = jax.lax.fori_loop(0, num_steps, body, start)
    # One product for all steps; the compiler drops it if this gradient is not used, as in chains over z.
    of_kernel = jnp.einsum("lbh,lbg->hg", carries[-1], of_products)
    return of_inputs, of_carry, of_kernel, np.zeros((), jax.dtypes.float0)


run_cell.defvjp(_forward, _backward)
