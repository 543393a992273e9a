"""Decoding of a data source's images into uint8 arrays in a cache folder, chunk by chunk."""

import contextlib
import io
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ebmjax.data import cache
from ebmjax.data.base import DataError, first_line

CHUNK = 512  # rows read at once: several times faster than one by one


class Part(NamedTuple):
    """Examples to decode. source: of TFDS, yields {"image": bytes, optional "label"}. rows: of the source, in order."""

    source: Any
    rows: Sequence[int] | np.ndarray


def fill(target: Path, name: str, parts: dict[str, Part], shape: tuple[int, int, int], size: int | None) -> None:
    """Decode `parts` ("train", "test") into the cache folder `target`, with a progress bar on a terminal.

    shape: (H, W, C) of the results. size: None, or the side of the centre squares in pixels. Raises DataError if an
    image cannot be decoded.
    """
    total = sum(len(part.rows) for part in parts.values())
    with cache.filling(target) as folder, _progress(f"decoding {name}", total) as advance:
        for key, part in parts.items():
            labels: list[int] = []
            images = _chunks(part, name, shape, size, labels, advance)
            cache.write_images(folder / f"x_{key}.npy", images, (len(part.rows), *shape))
            if labels:
                np.save(folder / f"y_{key}.npy", np.asarray(labels))


def image_array(data: bytes, shape: tuple[int, int, int], size: int | None) -> np.ndarray:
    """One encoded image as uint8 `shape` = [H, W, C]. With `size`, its centre square resized to size × size.

    The square is as wide as the shorter side; resizing is bilinear with antialiasing. `celeb_a@64` is thus the centre
    178 x 178 pixels resized to 64 x 64, as in the papers. Raises DataError if the result is not of `shape`.
    """
    from PIL import Image

    image = Image.open(io.BytesIO(data)).convert("L" if shape[-1] == 1 else "RGB")
    if size:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))  # resize(box=...) would blend in what lies outside
        image = square.resize((size, size), Image.Resampling.BILINEAR)
    array = np.asarray(image).reshape(image.height, image.width, shape[-1])
    if array.shape != tuple(shape):
        raise DataError(f"an image has shape {array.shape} instead of {tuple(shape)}")
    return array


def _chunks(part: Part, name: str, shape, size, labels: list[int], advance: Callable) -> Iterator[np.ndarray]:
    """Yield uint8 `[n, H, W, C]` for the next rows; integer labels are appended to `labels` on the way."""
    for start in range(0, len(part.rows), CHUNK):
        rows = [int(i) for i in part.rows[start : start + CHUNK]]
        try:
            examples = part.source.__getitems__(rows)
            images = np.stack([image_array(example["image"], shape, size) for example in examples])
        except Exception as error:  # damaged bytes raise errors of the file format, of protobuf or of pillow
            folder = part.source.dataset_info.data_dir
            raise DataError(
                f"{name}: rows {rows[0]} to {rows[-1]} cannot be read ({first_line(error)}): delete {folder} and "
                "prepare it again"
            ) from error
        if isinstance(examples[0].get("label"), int | np.integer):
            labels += [int(example["label"]) for example in examples]
        yield images
        advance(len(rows))


@contextlib.contextmanager
def _progress(description: str, total: int) -> Generator[Callable[[int], None], None, None]:
    """Yield a function that advances a progress bar by a number of rows; no bar unless stderr is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(description, total=total)
        yield lambda count: progress.advance(task, count)
