"""The compiled programs of a run: the first state, and a chunk of training steps in one dispatch."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from ebmjax.data.loader import Loader, draw_labelled, epoch_order, form_batch
from ebmjax.training import sharding
from ebmjax.training.checkpoint import abstract
from ebmjax.types import Array, Method, State


def make_chunk(method: Method, loader: Loader, data_key: Array, mesh, num_steps: int, shardings: State) -> Callable:
    """The compiled function (state, arrays) -> (state, metrics) of `num_steps` training steps.

    Metrics are means over the chunk; counts, named num_..., are sums. The state is donated, and comes back laid out by
    `shardings`, as a restored one is: one program for both.
    """
    order_of = partial(epoch_order, loader, data_key)

    def one_step(arrays, carry, _):
        state, order = carry
        row = state.step % loader.batches_per_epoch
        order = jax.lax.cond(row == 0, lambda: order_of(state.step // loader.batches_per_epoch), lambda: order)
        batch = sharding.constrain_rows(mesh, form_batch(loader, arrays, order[row]))
        batch |= draw_labelled(loader, arrays, data_key, state.step)
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):  # where `mcmc.run_chain` splits its chains
            state, metrics = method.train_step(state, batch)
        return (state, order), metrics

    def chunk(state, arrays):
        carry = (state, order_of(state.step // loader.batches_per_epoch))
        if num_steps == 1:  # no loop around the step: XLA's CPU convolutions are slower inside one
            (state, _), metrics = one_step(arrays, carry, None)
            return state, metrics
        (state, _), metrics = jax.lax.scan(partial(one_step, arrays), carry, None, length=num_steps)
        return state, {k: (jnp.sum if k.startswith("num_") else jnp.mean)(v, axis=0) for k, v in metrics.items()}

    return jax.jit(chunk, donate_argnums=0, out_shardings=(shardings, sharding.replicated(mesh)))


def initial_state(method: Method, loader: Loader, arrays: dict, seed: int, mesh) -> tuple[Callable, State]:
    """A function that makes the state at step 0 on the mesh, and the abstract state with its shardings.

    `Method.init` gets the first batch of the training, for initialisations that look at data.
    """
    init_key, data_key = (jax.random.fold_in(jax.random.key(seed), i) for i in (0, 1))

    def make(arrays):
        batch = form_batch(loader, arrays, epoch_order(loader, data_key, 0)[0])
        state = method.init(init_key, batch | draw_labelled(loader, arrays, data_key, 0))
        # Python scalars make weakly typed leaves; a restored state has none, and would compile a second time.
        return jax.tree.map(lambda a: jax.lax.convert_element_type(a, a.dtype), state)

    shapes = jax.eval_shape(make, arrays)
    shardings = sharding.state_shardings(mesh, shapes)
    return lambda: jax.jit(make, out_shardings=shardings)(arrays), abstract(shapes, shardings)
