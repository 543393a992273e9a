"""The training loop: chunks of steps in one dispatch, state donated, nothing read back between logging steps."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data.loader import Loader, epoch_order, form_batch, make_loader
from ebmjax.training import sharding
from ebmjax.training.checkpoint import Checkpointer, abstract
from ebmjax.training.ema import with_ema
from ebmjax.training.recorder import Recorder
from ebmjax.types import Array, Method, State


class Settings(NamedTuple):
    """How long and how to train. All intervals count steps and act at the first end of a chunk at or after them."""

    num_steps: int
    batch_size: int
    steps_per_dispatch: int = 1
    log_every: int = 100
    checkpoint_every: int = 1000
    ema_decay: float = 0.0


def check_settings(settings: Settings) -> None:
    """Raise ValueError, one line that names the field, for settings out of range or that do not fit together."""
    for field in ("num_steps", "batch_size", "steps_per_dispatch", "log_every", "checkpoint_every"):
        if getattr(settings, field) < 1:
            raise ValueError(f"train.{field} = {getattr(settings, field)} must be at least 1")
    if settings.num_steps % settings.steps_per_dispatch:
        chunk = settings.steps_per_dispatch
        raise ValueError(
            f"train.num_steps = {settings.num_steps} must be a multiple of train.steps_per_dispatch = {chunk}"
        )
    if not 0 <= settings.ema_decay < 1:
        raise ValueError(f"train.ema_decay = {settings.ema_decay} must lie in [0, 1); 0 turns the average off")


class Interrupted(Exception):
    """Training was asked to stop; the state at `step` is saved."""

    def __init__(self, step: int):
        super().__init__(f"stopped at step {step}")
        self.step = step


class Diverged(Exception):
    """A metric became non-finite."""

    def __init__(self, title: str, step: int, names: list[str], saved_step: int | None):
        saved = f"step {saved_step}" if saved_step else "none"
        super().__init__(
            f"{title} diverged: {', '.join(names)} not finite at step {step} (last checkpoint: {saved}); "
            "try a smaller step_size of the chains, a smaller learning rate, or more energy regularisation"
        )


def make_chunk(method: Method, loader: Loader, data_key: Array, mesh, num_steps: int) -> Callable:
    """The compiled function (state, arrays) -> (state, metrics) of `num_steps` training steps.

    Metrics are means over the chunk; counts, named num_..., are sums. The state is donated.
    """
    order_of = partial(epoch_order, loader, data_key)

    def one_step(arrays, carry, _):
        state, order = carry
        row = state.step % loader.batches_per_epoch
        order = jax.lax.cond(row == 0, lambda: order_of(state.step // loader.batches_per_epoch), lambda: order)
        batch = sharding.constrain_rows(mesh, form_batch(loader, arrays, order[row]))
        state, metrics = method.train_step(state, batch)
        return (state, order), metrics

    def chunk(state, arrays):
        carry = (state, order_of(state.step // loader.batches_per_epoch))
        if num_steps == 1:  # no loop around the step: XLA's CPU convolutions are slower inside one
            (state, _), metrics = one_step(arrays, carry, None)
            return state, metrics
        (state, _), metrics = jax.lax.scan(partial(one_step, arrays), carry, None, length=num_steps)
        return state, {k: (jnp.sum if k.startswith("num_") else jnp.mean)(v, axis=0) for k, v in metrics.items()}

    return jax.jit(chunk, donate_argnums=0)


def crossed(step: int, every: int, chunk: int) -> bool:
    """Whether a multiple of `every` lies in (step - chunk, step]."""
    return every > 0 and step // every > (step - chunk) // every


def initial_state(method: Method, loader: Loader, arrays: dict, seed: int, mesh) -> tuple[Callable, State]:
    """A function that makes the state at step 0 on the mesh, and the abstract state with its shardings.

    `Method.init` gets the first batch of the training, for initialisations that look at data.
    """
    init_key, data_key = (jax.random.fold_in(jax.random.key(seed), i) for i in (0, 1))

    def make(arrays):
        state = method.init(init_key, form_batch(loader, arrays, epoch_order(loader, data_key, 0)[0]))
        # Python scalars make weakly typed leaves; a restored state has none, and would compile a second time.
        return jax.tree.map(lambda a: jax.lax.convert_element_type(a, a.dtype), state)

    shapes = jax.eval_shape(make, arrays)
    shardings = sharding.state_shardings(mesh, shapes)
    return lambda: jax.jit(make, out_shardings=shardings)(arrays), abstract(shapes, shardings)


def fit(
    method: Method,
    arrays: dict[str, np.ndarray],
    max_value: int | None,
    settings: Settings,
    *,
    seed: int,
    folder: str | Path,
    meta: dict | None = None,
    check: Callable[[dict], None] = lambda meta: None,
    title: str = "train",
    on_checkpoint: Callable[[int, State], None] = lambda step, state: None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> tuple[State, float]:
    """Train `method` on {"x", optional "label"}, from the newest checkpoint in `folder` if there is one.

    Args:
        max_value: of uint8 images (`Dataset.max_value`). seed: of parameters, chains and batches.
        folder: gets checkpoints/, metrics.jsonl and tensorboard/. meta: JSON-able, stored with every checkpoint.
        check: called with the stored meta of a checkpoint before going on from it; raises if it is another run's.
        on_checkpoint: called with (step, state) at every checkpoint, to draw or to evaluate.
        stop_requested: asked after every chunk; if true, the state is saved and `Interrupted` raised.

    Returns the final state and the seconds spent training, over all the sessions it took. Raises ValueError for
    settings that do not fit together, `Diverged` when a metric stops being finite, CheckpointError.
    """
    check_settings(settings)
    method = with_ema(method, settings.ema_decay)
    mesh = sharding.make_mesh(settings.batch_size)
    loader = make_loader(len(arrays["x"]), settings.batch_size, max_value)
    arrays = jax.device_put(arrays, sharding.replicated(mesh))
    make_state, abstract_state = initial_state(method, loader, arrays, seed, mesh)
    with Checkpointer(Path(folder) / "checkpoints") as checkpointer:
        restored = checkpointer.restore(abstract_state, check)
        step, state, saved = restored or (0, make_state(), {"seconds": 0.0})
        if step >= settings.num_steps:
            return state, saved["seconds"]
        data_key = jax.random.fold_in(jax.random.key(seed), 1)
        chunk = make_chunk(method, loader, data_key, mesh, settings.steps_per_dispatch)
        started = time.monotonic() - saved["seconds"]

        def save(step, state):
            epoch, batch = divmod(step, loader.batches_per_epoch)
            position = {"data_position": {"epoch": epoch, "batch": batch}, "seconds": time.monotonic() - started}
            checkpointer.save(step, state, position | (meta or {}))
            on_checkpoint(step, state)

        with Recorder(folder, title, settings.num_steps, step) as recorder:
            state = _steps(lambda state: chunk(state, arrays), state, step, settings, recorder, save, stop_requested)
        return state, time.monotonic() - started


def _steps(run_chunk, state, step, settings, recorder, save, stop_requested) -> State:
    """Chunks until the end, with at most two in flight, so that what is shown and what signals stop is current."""
    size, saved_step, running, counts = settings.steps_per_dispatch, step or None, (), {}
    while step < settings.num_steps:
        state, metrics = run_chunk(state)
        jax.block_until_ready(running)
        running = metrics
        step += size
        counts = {name: value + counts.get(name, 0) for name, value in metrics.items() if name.startswith("num_")}
        stop = stop_requested()
        checkpoint = stop or step >= settings.num_steps or crossed(step, settings.checkpoint_every, size)
        if checkpoint or crossed(step, settings.log_every, size):
            values = recorder.record(step, metrics | counts)
            counts = {}
            broken = [name for name, value in values.items() if not np.isfinite(value)]
            if broken:
                raise Diverged(recorder.title, step, broken, saved_step)
        else:
            recorder.show(step, metrics | counts)
        if checkpoint:
            save(step, state)
            saved_step = step
        if stop:
            raise Interrupted(step)
    return state
