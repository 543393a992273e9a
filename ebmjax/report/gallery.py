"""Pictures of a run as HTML figures with embedded pixels."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from ebmjax.report.html import details, note, text

CAPTIONS = {
    "samples": "Samples of the trained model.",
    "reconstructions": "Test examples, and below each row its reconstructions.",
    "interpolation": "One interpolation per row, from left to right.",
    "density": "Histograms of the draws, on common axes.",
    "traces": "One coordinate of the first chains against the step.",
    "ranks": "Ranks that the draws of a chain have among those of all chains: flat where chains agree. The band holds "
    ".95 of the bars of independent draws.",
    "ess": "Bulk and tail ESS of the first steps against their number: proportional where chains mix.",
    "autocorrelation": "Autocorrelation of every coordinate, averaged over the chains.",
    "health": "The metrics of the training in groups.",
}
"""Captions of the usual pictures, unless others are given; other pictures are captioned by their file's name."""

MAX_PNG_BYTES = 400_000
"""Larger pictures are embedded as JPEG, so that a page of many runs on photographs stays small enough to send."""

NUM_WHILE_TRAINING = 4


def gallery(folder: Path, captions: Mapping[str, str], leave_out: tuple[str, ...] = ()) -> str:
    """The PNGs of a work directory: those in `captions` {file name: caption or ""} in that order, then the others;
    `captions` may also name .txt files.

    leave_out: file names not to show. A missing or broken file becomes a line of text.
    """
    others = sorted({path.name for path in folder.glob("*.png")} - set(captions))
    names = [name for name in [*captions, *others] if name not in leave_out]
    if not names:
        return note("No pictures.")
    kind = lambda name: lines if name.endswith(".txt") else picture
    shown = "".join(kind(name)(folder / name, captions.get(name) or _caption(name)) for name in names)
    return f'<div class="pictures">{shown}</div>'


def while_training(folder: Path) -> str:
    """A few of the grids in samples/, from the first to the last but one; "" if there are none."""
    paths = sorted(folder.glob("*.png"))[:-1]  # the last one is the same as the run's own samples
    if not paths:
        return ""
    num = min(NUM_WHILE_TRAINING, len(paths))
    chosen = [paths[i * (len(paths) - 1) // max(num - 1, 1)] for i in range(num)]
    step = lambda path: f"Samples after {int(path.stem)} steps." if path.stem.isdigit() else _caption(path.name)
    return f'<div class="thumbs">{"".join(picture(path, step(path)) for path in chosen)}</div>'


def picture(path: Path, caption: str) -> str:
    """A PNG as a figure with embedded pixels, or a line with the reason why it cannot be shown."""
    try:
        data = path.read_bytes()
        image = Image.open(io.BytesIO(data))
        width, height = image.size
        image.load()  # raises for truncated files
    except FileNotFoundError:
        return note(f"{path.name} is missing.", "warn")
    except Exception as error:  # pillow raises errors of many types for broken files
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
    """A text file, folded."""
    try:
        return details(caption, f"<pre>{text(path.read_text(encoding='utf-8'))}</pre>")
    except (OSError, UnicodeDecodeError) as error:
        return note(f"{path.name} cannot be read: {type(error).__name__}.", "warn")


def _caption(name: str) -> str:
    stem = Path(name).stem
    words = stem.replace("_", " ").strip()
    return CAPTIONS.get(stem) or f"{words[:1].upper()}{words[1:]}."
