"""The training loop: chunks of steps in one dispatch, state donated, nothing read back between logging steps."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from ebmjax.data.loader import make_loader
from ebmjax.training import hosts, sharding
from ebmjax.training.checkpoint import Checkpointer
from ebmjax.training.chunk import initial_state, make_chunk
from ebmjax.training.ema import with_ema
from ebmjax.training.guard import Diverged, Scales, broken_params, judge, updated
from ebmjax.training.recorder import Recorder
from ebmjax.training.settings import Settings, check_settings
from ebmjax.types import Array, Method, State


class Interrupted(Exception):
    """Training was asked to stop; the state at `step` of `num_steps` is saved. title: of what was training."""

    def __init__(self, step: int, num_steps: int, title: str = "train"):
        what = "" if title == "train" else f" {title}"
        super().__init__(f"stopped{what} at step {step} of {num_steps}")
        self.step = step


class Start(NamedTuple):
    """Where a stretch of training begins: at a checkpoint, or at step 0.

    seconds: of training so far. scales: of the guard. rollbacks: how often the run went back.
    """

    step: int
    state: State
    seconds: float
    scales: Scales
    rollbacks: int


def crossed(step: int, every: int, chunk: int) -> bool:
    """Whether a multiple of `every` lies in (step - chunk, step]."""
    return every > 0 and step // every > (step - chunk) // every


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
        on_checkpoint: called with (step, state) at every checkpoint by the first process, to draw or to evaluate.
        stop_requested: asked after every chunk; if true, the state is saved and `Interrupted` raised.

    Returns the final state, whole in every process, and the seconds spent training, over all the sessions it took.
    Raises ValueError for settings that do not fit together, `Diverged` when the guard finds the run broken and may not
    go back to the last checkpoint (again), CheckpointError.
    """
    check_settings(settings)
    method = with_ema(method, settings.ema_decay)
    mesh = sharding.make_mesh(settings.batch_size)
    hosts.meet(mesh)
    loader = make_loader(len(arrays["x"]), settings.batch_size, max_value)
    arrays = sharding.replicate(mesh, arrays)
    make_state, abstract_state = initial_state(method, loader, arrays, seed, mesh)
    stop = hosts.agreed(mesh, stop_requested)
    with Checkpointer(Path(folder) / "checkpoints") as checkpointer:
        newest = lambda: find_start(checkpointer, abstract_state, check, make_state)
        start = newest()
        if start.step >= settings.num_steps:
            return sharding.local(start.state), start.seconds
        began = time.monotonic() - start.seconds
        data_key = jax.random.fold_in(jax.random.key(seed), 1)
        shardings = jax.tree.map(lambda a: a.sharding, abstract_state)
        chunk = make_chunk(method, loader, data_key, mesh, settings.steps_per_dispatch, shardings)

        def save(step: int, state: State, **kept) -> None:
            epoch, batch = divmod(step, loader.batches_per_epoch)
            kept |= {"seconds": time.monotonic() - began, "data_position": {"epoch": epoch, "batch": batch}}
            checkpointer.save(step, state, kept | (meta or {}))
            mine = sharding.local(state)
            if hosts.is_first():
                on_checkpoint(step, mine)

        def train_from(start: Start) -> State:
            with Recorder(folder, title, settings.num_steps, start.step, start.rollbacks) as recorder:
                return _steps(lambda state: chunk(state, arrays), start, settings, recorder, save, stop)

        state = _with_rollbacks(train_from, start, newest, partial(_another_key, seed, mesh), settings)
        return sharding.local(state), time.monotonic() - began


def find_start(checkpointer: Checkpointer, abstract_state: State, check: Callable, make_state: Callable) -> Start:
    """The newest sound checkpoint, or a new state where there is none."""
    restored = checkpointer.restore(abstract_state, check)
    if restored is None:
        return Start(0, make_state(), 0.0, {}, 0)
    step, state, meta = restored
    return Start(step, state, meta["seconds"], meta["scales"], meta["rollbacks"])


def _another_key(seed: int, mesh, n: int) -> Array:
    """The key of a run after its rollback `n`."""
    make_key = lambda n: jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 4), n)
    return jax.jit(make_key, out_shardings=sharding.replicated(mesh))(n)


def _with_rollbacks(train_from, start: Start, newest, make_key, settings: Settings) -> State:
    """Train to the end; where that fails and the settings say so, from the last checkpoint on with another key."""
    while True:
        try:
            return train_from(start)
        except Diverged as error:
            rollbacks = start.rollbacks + 1
            if settings.on_divergence != "rollback" or rollbacks > settings.guard.max_rollbacks:
                raise
            why = error.what
        # Only here: the error's traceback keeps the broken state alive, which need not fit beside another one.
        start = newest()
        key, old = make_key(rollbacks), start.state.rng_key
        key = jax.random.split(key, old.shape) if old.ndim else key  # of replicas: one each
        start = start._replace(state=start.state._replace(rng_key=key), rollbacks=rollbacks)
        words = jax.random.key_data(sharding.local(key)).tolist()
        hosts.say(f"{why}: back to step {start.step}, with key {words} (rollback {rollbacks})")


def _steps(run_chunk, start: Start, settings: Settings, recorder: Recorder, save, stop_requested) -> State:
    """Chunks until the end, with at most two in flight, so that what is shown and what signals stop is current."""
    size, (step, state, _, scales, rollbacks) = settings.steps_per_dispatch, start
    saved = healthy = step
    running, counts = (), {}

    def refuse(problems):
        if problems:
            raise Diverged(recorder.title, step, problems, healthy=healthy, saved=saved, rollbacks=rollbacks)

    while step < settings.num_steps:
        state, metrics = run_chunk(state)
        jax.block_until_ready(running)
        running = metrics
        step += size
        counts = {name: value + counts.get(name, 0) for name, value in metrics.items() if name.startswith("num_")}
        stop = stop_requested()
        checkpoint = stop or step >= settings.num_steps or crossed(step, settings.checkpoint_every, size)
        log = crossed(step, settings.log_every, size)
        if not (checkpoint or log):
            recorder.show(step, metrics | counts)
            continue
        values = recorder.record(step, metrics | counts)
        counts = {}
        refuse(judge(settings.guard, scales, values))
        if log:  # not where a signal happened to stop it, so that the scales of a resumed run are the same
            scales = updated(scales, values)
        if checkpoint:
            refuse(broken_params(sharding.local(state.params)))
            save(step, state, scales=scales, rollbacks=rollbacks)
            saved = step
        healthy = step
        if stop:
            raise Interrupted(step, settings.num_steps, recorder.title)
    return state
