"""Checkpoints of the whole State with its config and data position, by Orbax."""

from pathlib import Path

import jax
import orbax.checkpoint as ocp

from ebmjax.types import State


class Checkpointer:
    """The checkpoints of one run, in `folder`, newest last; a save that was cut off is never seen."""

    def __init__(self, folder: str | Path, *, keep: int = 2):
        """keep: ≥ 1, how many of the newest checkpoints stay."""
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True, cleanup_tmp_directories=True)
        self._manager = ocp.CheckpointManager(Path(folder).resolve(), options=options)

    def latest_step(self) -> int | None:
        """Step of the newest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: State, meta: dict) -> None:
        """Start saving `state` and the JSON-able `meta`; the arrays are copied first, so the state may be donated."""
        self._manager.save(
            step, args=ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta))
        )

    def restore(self, abstract_state: State, step: int | None = None) -> tuple[State, dict]:
        """The state and meta of `step` (default: newest). `abstract_state` gives shapes, dtypes and shardings."""
        step = self.latest_step() if step is None else step
        args = ocp.args.Composite(state=ocp.args.StandardRestore(abstract_state), meta=ocp.args.JsonRestore())
        restored = dict(self._manager.restore(step, args=args))
        return State(*restored["state"]), restored["meta"]

    def close(self) -> None:
        """Wait for what is being saved."""
        self._manager.wait_until_finished()
        self._manager.close()


def abstract(state: State, shardings: State) -> State:
    """Shapes, dtypes and shardings of a state, for `Checkpointer.restore`."""
    return jax.tree.map(lambda a, s: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=s), state, shardings)
