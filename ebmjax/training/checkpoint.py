"""Checkpoints of the whole State with its config and data position, by Orbax."""

import sys
from collections.abc import Callable
from pathlib import Path

import jax
import orbax.checkpoint as ocp

from ebmjax.types import State


class CheckpointError(Exception):
    """A checkpoint that cannot be written, or none that can be read; the message is one line."""


class Checkpointer:
    """The checkpoints of one run, in `folder`; a context manager. A save that was cut off is never seen."""

    def __init__(self, folder: str | Path, *, keep: int = 2):
        """keep: ≥ 1, how many of the newest checkpoints stay."""
        self._folder = Path(folder).resolve()
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True, cleanup_tmp_directories=True)
        self._manager = ocp.CheckpointManager(self._folder, options=options)

    def __enter__(self):
        return self

    def __exit__(self, kind, *exception):
        try:
            self._manager.wait_until_finished()
            self._manager.close()
        except Exception as error:
            if kind is None:  # else the first error is the one to hear of
                raise self._cannot_save(error) from error

    def save(self, step: int, state: State, meta: dict) -> None:
        """Start saving `state` and the JSON-able `meta`; the arrays are copied first, so the state may be donated.

        Raises CheckpointError, for this save or for the last one, which was still being written.
        """
        args = ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta))
        try:
            self._manager.save(step, args=args)
        except Exception as error:
            raise self._cannot_save(error) from error

    def restore(self, abstract_state: State, check: Callable[[dict], None]) -> tuple[int, State, dict] | None:
        """(step, state, meta) of the newest checkpoint that can be read, or None where there is none at all.

        Args:
            abstract_state: shapes, dtypes and shardings.
            check: (meta) -> None, raises if this checkpoint is not one to go on from; called before arrays are read.

        One that cannot be read is set aside as unreadable-<step>, with a line that says so. Raises CheckpointError if
        there are checkpoints and none can be read.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        for step in steps:
            try:
                meta = self._read(step, meta=ocp.args.JsonRestore())["meta"]
            except Exception as error:
                self._set_aside(step, error)
                continue
            check(meta)
            try:
                state = self._read(step, state=ocp.args.StandardRestore(abstract_state))["state"]
            except Exception as error:
                self._set_aside(step, error)
                continue
            return step, State(*state), meta
        if steps:
            raise CheckpointError(f"no checkpoint in {self._folder} can be read; delete that folder to start afresh")
        return None

    def _read(self, step, **items) -> dict:
        return dict(self._manager.restore(step, args=ocp.args.Composite(**items)))

    def _set_aside(self, step, error):
        place = self._folder / f"unreadable-{step}"
        (self._folder / str(step)).rename(place)
        self._manager.reload()
        print(f"checkpoint {step} cannot be read ({_line(error)}); set aside as {place}", file=sys.stderr, flush=True)

    def _cannot_save(self, error):
        return CheckpointError(f"cannot write a checkpoint in {self._folder}: {_line(error)}")


def _line(error: Exception) -> str:
    """The first line of an error, short."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def abstract(state: State, shardings: State) -> State:
    """Shapes, dtypes and shardings of a state, for `Checkpointer.restore`."""
    return jax.tree.map(lambda a, s: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=s), state, shardings)
