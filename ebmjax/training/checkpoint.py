"""Checkpoints of the whole State with its config and data position, by Orbax, each with checksums.

Orbax detects truncated and missing files, but not a flipped bit inside an array: hence our own checksums.
"""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp

from ebmjax.data.base import first_line
from ebmjax.training import devices, hosts
from ebmjax.types import State


class CheckpointError(Exception):
    """A checkpoint cannot be written, or no checkpoint can be read; the message is one line."""


class Unsound(Exception):
    """One checkpoint that cannot be read, or does not hold what was saved."""


class Checkpointer:
    """The checkpoints of one run, in `folder`; a context manager. Interrupted saves are ignored.

    With several processes all of them make the same calls; `folder` is the same for all.
    """

    def __init__(self, folder: str | Path, *, keep: int = 2, read_only: bool = False):
        """keep: ≥ 1, how many of the newest checkpoints are kept. read_only: for `restore` alone; the folder stays as
        it is, also while another process trains in it."""
        self._folder, self._read_only = Path(folder).resolve(), read_only
        writes = not read_only
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep, create=writes, cleanup_tmp_directories=writes, read_only=read_only
        )
        self._manager = ocp.CheckpointManager(self._folder, options=options)

    def __enter__(self):
        return self

    def __exit__(self, kind, *exception):
        try:
            self._manager.wait_until_finished()
            self._manager.close()
        except Exception as error:
            if kind is None:  # else the first error is the one to report
                raise self._cannot_save(error) from error

    def save(self, step: int, state: State, meta: dict) -> None:
        """Start saving `state` and the JSON-able `meta`; the arrays are copied first, so the state may be donated.

        Raises CheckpointError, for this save or for the previous one, which was still being written.
        """
        sums = {"meta": checksum_json(meta), "state": checksum(state)}
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave({"meta": meta, "checksums": sums})
        )
        try:
            self._manager.save(step, args=args)
        except Exception as error:
            raise self._cannot_save(error) from error

    def restore(self, abstract_state: State, check: Callable[[dict], None]) -> tuple[int, State, dict] | None:
        """(step, state, meta) of the newest sound checkpoint, or None if there are no checkpoints.

        Args:
            abstract_state: shapes, dtypes and shardings.
            check: (meta) -> None, raises if the run must not continue from this checkpoint; called before arrays are
                read.

        Newer, unsound checkpoints are renamed to unreadable-<step> unless `read_only`, with a printed line. Raises
        CheckpointError if there are checkpoints but none is sound; then none is renamed.
        """
        self._manager.wait_until_finished()
        unsound = {}
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                state, meta = self._load(step, abstract_state, check)
            except Unsound as error:
                unsound[step] = error
                continue
            self._set_aside(unsound)
            return step, state, meta
        if unsound:
            why = "; ".join(f"{step}: {error}" for step, error in unsound.items())
            raise CheckpointError(
                f"no checkpoint in {self._folder} is sound ({why}); to start afresh, move that folder away"
            )
        return None

    def _load(self, step: int, abstract_state: State, check) -> tuple[State, dict]:
        record = self._read(step, meta=ocp.args.JsonRestore())["meta"]
        if not isinstance(record, dict) or not {"meta", "checksums"} <= set(record):
            raise Unsound("it was not written by ebmjax")
        if record["checksums"]["meta"] != checksum_json(record["meta"]):
            raise Unsound("its config does not match its checksum")
        check(record["meta"])
        state = State(*self._read(step, state=ocp.args.StandardRestore(abstract_state))["state"])
        if record["checksums"]["state"] != checksum(state):
            raise Unsound("its arrays do not match their checksum")
        if int(devices.local(state.step)) != step:
            raise Unsound(f"it holds step {state.step}")
        return state, record["meta"]

    def _read(self, step: int, **items) -> dict:
        try:
            return dict(self._manager.restore(step, args=ocp.args.Composite(**items)))
        except Exception as error:  # the type depends on the damage
            raise Unsound(first_line(error)[:200]) from error

    def _set_aside(self, unsound: dict[int, Unsound]) -> None:
        if self._read_only:
            for step, why in unsound.items():
                hosts.print_once(f"checkpoint {step} cannot be read ({why}): an older one is used")
            return
        for step, why in unsound.items():
            place = self._folder / f"unreadable-{step}"
            while place.exists():
                place = place.with_name(place.name + "-again")
            hosts.wait_for_all(f"found checkpoint {step} unsound")
            if hosts.is_first():
                (self._folder / str(step)).rename(place)
            hosts.wait_for_all(f"set checkpoint {step} aside")
            hosts.print_once(f"checkpoint {step} cannot be read ({why}); set aside as {place}")
        if unsound:
            self._manager.reload()

    def _cannot_save(self, error: Exception) -> CheckpointError:
        return CheckpointError(f"cannot write a checkpoint in {self._folder}: {first_line(error)[:200]}")


def checksum(state: State) -> int:
    """CRC-32 of every leaf's bytes, in order; independent of devices and sharding."""
    found = 0
    for leaf in jax.tree.leaves(devices.local(state)):
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        found = zlib.crc32(np.asarray(leaf).tobytes(), found)
    return found


def checksum_json(meta: dict) -> int:
    """CRC-32 of a JSON-able dictionary."""
    return zlib.crc32(json.dumps(meta, sort_keys=True).encode())


def abstract(state: State, shardings: State) -> State:
    """Shapes, dtypes and shardings of a state, for `Checkpointer.restore`."""
    return jax.tree.map(lambda a, s: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=s), state, shardings)
