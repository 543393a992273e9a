"""Grids of images as PNG files: samples, reconstructions under their originals, interpolations."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ebmjax.files import replacing

MIN_WIDTH = 600  # pixels; smaller pictures are enlarged by a whole factor
MARGIN = 8
BAND_GAP = 20
FONT_SIZE = 15
PAPER, INK = 255, 40


def image_grid(images, columns: int = 10, scale: int | None = None, padding: int = 6) -> np.ndarray:
    """Tile images row by row: float `[N, H, W, C]` in [-1, 1], C = 1 or 3, to uint8 `[h, w, C]`.

    Args:
        columns: images per row, fewer if N is smaller; cells without an image stay white.
        scale: each pixel becomes scale x scale; by default the smallest that makes the grid 600 pixels wide.
        padding: white pixels between images.

    Values outside [-1, 1] are clipped, NaN becomes black. Raises ValueError if `images` are not images.
    """
    images = _as_images(images)
    num, height, width, channels = images.shape
    if columns < 1 or padding < 0 or (scale is not None and scale < 1):
        raise ValueError(f"image_grid: need columns, scale ≥ 1, padding ≥ 0: got {columns}, {scale}, {padding}")
    columns = min(columns, num)
    scale = _default_scale(columns * width) if scale is None else scale
    rows = -(-num // columns)
    step_y, step_x = height * scale + padding, width * scale + padding
    grid = np.full((rows * step_y - padding, columns * step_x - padding, channels), PAPER, np.uint8)
    for i, image in enumerate(_to_uint8(images)):
        top, left = (i // columns) * step_y, (i % columns) * step_x
        block = image.repeat(scale, axis=0).repeat(scale, axis=1)
        grid[top : top + height * scale, left : left + width * scale] = block
    return grid


def save_grid(images, path, columns: int = 10, *, title: str | None = None) -> None:
    """Write `[N, H, W, C]` in [-1, 1] as a PNG grid of `columns` images per row.

    title: a line on top, in Latin letters (pillow's default font has no Greek).
    """
    _save([image_grid(images, columns)], path, title)


def save_samples(x, path) -> None:
    """`save_grid` of samples `[N, ...]` if they are images; does nothing for tables, points in the plane, sentences."""
    if np.ndim(x) == 4:
        save_grid(x, path)


def save_pairs(originals, reconstructions, path, columns: int = 10, *, title: str | None = None) -> None:
    """Write bands of two rows, originals above their reconstructions, both `[N, H, W, C]` in [-1, 1], as a PNG."""
    originals, reconstructions = _as_images(originals), _as_images(reconstructions)
    if originals.shape != reconstructions.shape:
        raise ValueError(f"save_pairs: originals {originals.shape} and reconstructions {reconstructions.shape} differ")
    columns = min(columns, len(originals))
    scale = _default_scale(columns * originals.shape[2])
    bands = []
    for start in range(0, len(originals), columns):
        pair = [x[start : start + columns] for x in (originals, reconstructions)]
        bands.append(image_grid(np.concatenate(pair), len(pair[0]), scale))
    _save(bands, path, title, row_labels=("data", "reconstruction"))


def save_interpolations(x, path, *, title: str | None = None) -> None:
    """Write `[rows, points, H, W, C]` in [-1, 1] as a PNG, one interpolation per row, from left to right."""
    x = np.asarray(x)
    if x.ndim != 5:
        raise ValueError(f"save_interpolations: expected x[rows, points, H, W, C], got shape {x.shape}")
    _save([image_grid(x.reshape(-1, *x.shape[2:]), columns=x.shape[1])], path, title)


def _as_images(images) -> np.ndarray:
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        hint = "a table x[N, D] has no picture: reshape to [N, H, W, C] first" if images.ndim == 2 else "C is 1 or 3"
        raise ValueError(f"expected images[N, H, W, C], got shape {images.shape}; {hint}")
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"expected float images in [-1, 1], got {images.dtype}; uint8 becomes x / 127.5 - 1")
    return images


def _to_uint8(images: np.ndarray) -> np.ndarray:
    pixels = (np.clip(images.astype(np.float32), -1.0, 1.0) + 1.0) * 127.5
    return np.nan_to_num(pixels).round().astype(np.uint8)


def _default_scale(width: int) -> int:
    return max(1, -(-MIN_WIDTH // width))


def _save(bands: Sequence[np.ndarray], path, title: str | None, row_labels: Sequence[str] = ()) -> None:
    """Write bands of rows below each other on white, with labels to the left of the rows and the title on top."""
    font = ImageFont.load_default(FONT_SIZE)
    left = MARGIN + max([int(font.getlength(label)) + MARGIN for label in row_labels], default=0)
    top = MARGIN + (FONT_SIZE + 2 * MARGIN if title else 0)
    width = left + max([band.shape[1] for band in bands]) + MARGIN
    width = max(width, left + int(font.getlength(title)) + MARGIN) if title else width
    height = top + sum(len(band) + BAND_GAP for band in bands) - BAND_GAP + MARGIN
    picture = Image.new("RGB", (width, height), (PAPER,) * 3)
    draw = ImageDraw.Draw(picture)
    if title:
        draw.text((left, MARGIN), title, fill=(INK,) * 3, font=font, anchor="lt")
    for band in bands:
        picture.paste(Image.fromarray(np.broadcast_to(band, (*band.shape[:2], 3)).copy()), (left, top))
        for i, label in enumerate(row_labels):
            middle = top + (2 * i + 1) * len(band) / (2 * len(row_labels))
            draw.text((left - MARGIN, middle), label, fill=(INK,) * 3, font=font, anchor="rm")
        top += len(band) + BAND_GAP
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")
