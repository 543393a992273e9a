"""The training loop: several steps per dispatch, state donated, nothing read back between logging steps."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax.data import Dataset
from ebmjax.data.loader import Loader, batch_of, epoch_order, make_loader
from ebmjax.methods.wrappers import with_ema
from ebmjax.training import devices, hosts
from ebmjax.training.checkpoint import Checkpointer, CheckpointError, abstract
from ebmjax.training.guard import Diverged
from ebmjax.training.recorder import Recorder, Start, crossed
from ebmjax.training.settings import Settings, check_settings
from ebmjax.types import Array, Method, State


class Interrupted(Exception):
    """Training was stopped on request; the state at `step` of `num_steps` is saved. title: of the training."""

    def __init__(self, step: int, num_steps: int, title: str = "train"):
        what = "" if title == "train" else f" {title}"
        super().__init__(f"stopped{what} at step {step} of {num_steps}")
        self.step = step


class Hooks(NamedTuple):
    """Options and callbacks of a training run.

    title: shown with the progress; "train" for the method itself. meta: JSON-able, stored with every checkpoint.
    check: called with the stored meta of a checkpoint before resuming from it; raises if it belongs to another run.
    on_checkpoint: called with (step, state) at every checkpoint by the first process, to draw or to evaluate.
    stop_requested: called after every chunk; if true, the state is saved and `Interrupted` raised.
    """

    title: str = "train"
    meta: dict = {}
    check: Callable[[dict], None] = lambda meta: None
    on_checkpoint: Callable[[int, State], None] = lambda step, state: None
    stop_requested: Callable[[], bool] = lambda: False


NO_HOOKS = Hooks()


def fit(
    method: Method, dataset: Dataset, settings: Settings, folder: str | Path, hooks: Hooks = NO_HOOKS
) -> tuple[State, float]:
    """Train `method` on the training part of `dataset`, from the newest checkpoint in `folder` if there is one.

    folder: gets checkpoints/, metrics.jsonl and tensorboard/.

    Returns the final state, whole in every process, and the seconds spent training, over all sessions.
    Raises ValueError for settings that do not fit together, `Diverged` if the run has diverged and may not roll back
    (again), and CheckpointError.
    """
    check_settings(settings)
    method = with_ema(method, settings.ema_decay)
    mesh = devices.make_mesh(settings.batch_size)
    hosts.connect_devices(mesh)
    loader = loader_of(dataset, settings)
    arrays = devices.replicate(mesh, arrays_of(dataset))
    make_state, abstract_state = initial_state(method, loader, arrays, settings.seed, mesh)
    stop_requested = hosts.any_process_each_call(mesh, hooks.stop_requested)
    with Checkpointer(Path(folder) / "checkpoints") as checkpointer:
        newest = lambda: find_start(checkpointer, abstract_state, hooks.check, make_state)
        start = newest()
        if start.step >= settings.num_steps:
            return devices.local(start.state), start.seconds
        began = time.monotonic() - start.seconds
        data_key = jax.random.fold_in(jax.random.key(settings.seed), 1)
        size = settings.steps_per_dispatch
        run_chunk = make_chunk(method, loader, data_key, mesh, size, abstract_state)
        with Recorder(folder, hooks.title, settings) as recorder:
            recorder.begin(start)
            step, state, running = start.step, start.state, ()
            while step < settings.num_steps:
                state, metrics = run_chunk(state, arrays)
                jax.block_until_ready(running)  # at most two chunks in flight, so that progress and signals are current
                running, step, stop = metrics, step + size, stop_requested()
                checkpoint = stop or step >= settings.num_steps or crossed(step, settings.checkpoint_every, size)
                error = recorder.record(step, metrics, state.params if checkpoint else None)
                if error is not None:
                    del state  # frees memory before another state is loaded
                    start = roll_back(error, newest, settings, mesh)
                    recorder.begin(start)
                    step, state, running = start.step, start.state, ()
                elif checkpoint:
                    kept = {"scales": recorder.scales, "rollbacks": start.rollbacks, **position_of(loader, step)}
                    checkpointer.save(step, state, kept | {"seconds": time.monotonic() - began} | hooks.meta)
                    recorder.saved = step
                    mine = devices.local(state)
                    if hosts.is_first():
                        hooks.on_checkpoint(step, mine)
                    if stop:
                        raise Interrupted(step, settings.num_steps, hooks.title)
        return devices.local(state), time.monotonic() - began


def restored(
    method: Method, dataset: Dataset, settings: Settings, folder: str | Path, check: Callable[[dict], None]
) -> State:
    """The state of the newest sound checkpoint in `folder`, which is only read.

    Arguments as of `fit`; of the data only shapes and dtypes are used. Raises CheckpointError without a checkpoint.
    """
    mesh = devices.make_mesh(settings.batch_size)
    loader = loader_of(dataset, settings)
    arrays = {name: jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in arrays_of(dataset).items()}
    _, abstract_state = initial_state(with_ema(method, settings.ema_decay), loader, arrays, settings.seed, mesh)
    with Checkpointer(Path(folder) / "checkpoints", read_only=True) as checkpointer:
        found = checkpointer.restore(abstract_state, check)
    if found is None:
        raise CheckpointError(f"{folder} holds no checkpoint")
    return devices.local(found[1])


def loader_of(dataset: Dataset, settings: Settings) -> Loader:
    """The loader of the training part."""
    return make_loader(len(dataset.x_train), settings.batch_size, dataset.max_value, augment=dataset.augment)


def arrays_of(dataset: Dataset) -> dict:
    """The training arrays from which batches are drawn (`data.loader.batch_of`)."""
    arrays = {"x": dataset.x_train, "label": dataset.y_train, "labelled": dataset.labelled}
    arrays |= {"valid_x": dataset.x_valid, "valid_label": dataset.y_valid}
    return {name: array for name, array in arrays.items() if array is not None}


def position_of(loader: Loader, step: int) -> dict:
    """Data position of a checkpoint, for information only: batches are a function of the step."""
    epoch, batch = divmod(step, loader.batches_per_epoch)
    return {"data_position": {"epoch": epoch, "batch": batch}}


def find_start(checkpointer: Checkpointer, abstract_state: State, check: Callable, make_state: Callable) -> Start:
    """The newest sound checkpoint, or a new state if there is none."""
    restored = checkpointer.restore(abstract_state, check)
    if restored is None:
        return Start(0, make_state(), 0.0, {}, 0)
    step, state, meta = restored
    return Start(step, state, meta["seconds"], meta["scales"], meta["rollbacks"])


def roll_back(error: Diverged, newest: Callable[[], Start], settings: Settings, mesh) -> Start:
    """The newest checkpoint with a different key, if the settings allow one more rollback; else raises `error`."""
    rollbacks = error.rollbacks + 1
    if settings.on_divergence != "rollback" or rollbacks > settings.guard.max_rollbacks:
        raise error
    start = newest()
    make_key = lambda n: jax.random.fold_in(jax.random.fold_in(jax.random.key(settings.seed), 4), n)
    key, old = jax.jit(make_key, out_shardings=devices.replicated(mesh))(rollbacks), start.state.rng_key
    key = jax.random.split(key, old.shape) if old.ndim else key  # one for each replica
    words = jax.random.key_data(devices.local(key)).tolist()
    hosts.print_once(f"{error.what}: back to step {start.step}, with key {words} (rollback {rollbacks})")
    return start._replace(state=start.state._replace(rng_key=key), rollbacks=rollbacks)


def make_chunk(method: Method, loader: Loader, data_key: Array, mesh, num_steps: int, abstract_state: State):
    """The compiled function (state, arrays) -> (state, metrics) of `num_steps` training steps.

    Metrics are means over the chunk; counts, named num_..., are sums. The state is donated and comes back with the
    shardings of `abstract_state` (of `initial_state`), as restored states have them: one program for both.
    """
    order_of = partial(epoch_order, loader, data_key)

    def one_step(arrays, carry, _):
        state, order = carry
        row = state.step % loader.batches_per_epoch
        order = jax.lax.cond(row == 0, lambda: order_of(state.step // loader.batches_per_epoch), lambda: order)
        batch = batch_of(loader, arrays, order[row], data_key, state.step)
        rows = {name: part for name, part in batch.items() if name not in ("labelled", "valid")}
        batch |= devices.constrain_rows(mesh, rows)
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):  # `mcmc.run_chain` splits its chains over it
            state, metrics = method.train_step(state, batch)
        return (state, order), metrics

    def chunk(state, arrays):
        carry = (state, order_of(state.step // loader.batches_per_epoch))
        if num_steps == 1:  # no loop around the step: XLA's CPU convolutions are slower inside one
            (state, _), metrics = one_step(arrays, carry, None)
            return state, metrics
        (state, _), metrics = jax.lax.scan(partial(one_step, arrays), carry, None, length=num_steps)
        return state, {k: (jnp.sum if k.startswith("num_") else jnp.mean)(v, axis=0) for k, v in metrics.items()}

    shardings = jax.tree.map(lambda leaf: leaf.sharding, abstract_state)
    return jax.jit(chunk, donate_argnums=0, out_shardings=(shardings, devices.replicated(mesh)))


def initial_state(method: Method, loader: Loader, arrays: dict, seed: int, mesh) -> tuple[Callable, State]:
    """A function that makes the state at step 0 on the mesh, and the abstract state with its shardings.

    `Method.init` gets the first batch of the training, for initialisations that look at data.
    """
    init_key, data_key = (jax.random.fold_in(jax.random.key(seed), i) for i in (0, 1))

    def make(arrays):
        batch = batch_of(loader, arrays, epoch_order(loader, data_key, 0)[0], data_key)
        state = method.init(init_key, batch)
        # Python scalars make weakly typed leaves; restored states have none and would need a second compilation.
        return jax.tree.map(lambda a: jax.lax.convert_element_type(a, a.dtype), state)

    shapes = jax.eval_shape(make, arrays)
    shardings = devices.state_shardings(mesh, shapes)
    return lambda: jax.jit(make, out_shardings=shardings)(arrays), abstract(shapes, shardings)
