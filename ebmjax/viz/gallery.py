"""Pictures of a run as HTML figures that carry their pixels with them."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from ebmjax.viz.page import details, note, text

CAPTIONS = {
    "samples": "Samples of the trained model.",
    "reconstructions": "Test examples, and below each row its reconstructions.",
    "interpolation": "One interpolation per row, from left to right.",
    "density": "Where the draws lie, on common axes.",
    "traces": "One coordinate of the first chains against the step.",
    "autocorrelation": "Autocorrelation of every coordinate, averaged over the chains.",
    "health": "The metrics of the training in groups.",
}
"""Captions of the usual pictures, where none is given; others are called by their file's name."""

MAX_PNG_BYTES = 400_000
"""Larger pictures travel as JPEG, so that a page of many runs of photographs can still be sent."""

NUM_WHILE_TRAINING = 4


def gallery(folder: Path, captions: Mapping[str, str], leave_out: tuple[str, ...] = ()) -> str:
    """The PNGs of a work directory: those with `captions` {file name: caption or ""} in their order, then the others;
    among the former .txt files too.

    leave_out: file names not to show. Those that are missing or broken become a line.
    """
    others = sorted({path.name for path in folder.glob("*.png")} - set(captions))
    names = [name for name in [*captions, *others] if name not in leave_out]
    if not names:
        return note("No pictures.")
    kind = lambda name: lines if name.endswith(".txt") else picture
    shown = "".join(kind(name)(folder / name, captions.get(name) or _caption(name)) for name in names)
    return f'<div class="pictures">{shown}</div>'


def while_training(folder: Path) -> str:
    """A few of the grids in samples/, from the first to the last but one; "" where there are none."""
    paths = sorted(folder.glob("*.png"))[:-1]  # the last one shows what the run's own samples show
    if not paths:
        return ""
    num = min(NUM_WHILE_TRAINING, len(paths))
    chosen = [paths[i * (len(paths) - 1) // max(num - 1, 1)] for i in range(num)]
    step = lambda path: f"Samples after {int(path.stem)} steps." if path.stem.isdigit() else _caption(path.name)
    return f'<div class="thumbs">{"".join(picture(path, step(path)) for path in chosen)}</div>'


def picture(path: Path, caption: str) -> str:
    """A PNG as a figure with its pixels inside, or a line that says what is wrong with it."""
    try:
        data = path.read_bytes()
        image = Image.open(io.BytesIO(data))
        width, height = image.size
        image.load()  # finds truncated files
    except FileNotFoundError:
        return note(f"{path.name} is missing.", "warn")
    except Exception as error:  # pillow raises many kinds for broken files
        return note(f"{path.name} cannot be read: {type(error).__name__}.", "warn")
    kind = "png"
    if len(data) > MAX_PNG_BYTES:
        kind, buffer = "jpeg", io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=90)
        data = buffer.getvalue()
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    shown = f'<img src="{source}" width="{width}" height="{height}" alt="{text(caption)}">'
    return f"<figure>{shown}<figcaption>{text(caption)}</figcaption></figure>"


def lines(path: Path, caption: str) -> str:
    """A file of text, folded."""
    try:
        return details(caption, f"<pre>{text(path.read_text(encoding='utf-8'))}</pre>")
    except (OSError, UnicodeDecodeError) as error:
        return note(f"{path.name} cannot be read: {type(error).__name__}.", "warn")


def _caption(name: str) -> str:
    stem = Path(name).stem
    words = stem.replace("_", " ").strip()
    return CAPTIONS.get(stem) or f"{words[:1].upper()}{words[1:]}."
