"""A user's images as uint8 `[N, H, W, C]`, from other types, ranges and layouts where there is no doubt."""

from collections.abc import Mapping

import numpy as np

from ebmjax.data.base import DataError, say, what

CHANNELS = (1, 3)
LAYOUT = "images are [N, H, W] or [N, H, W, C] with C 1 or 3 (channels last), or [N, C, H, W]"
ROWS = 1024  # converted at once
SLACK = 1e-3  # of the range, for what rounding leaves outside of it
DARK = 128  # of 255: a set whose largest value is less is called dark


def to_images(parts: Mapping[str, np.ndarray], name: str) -> list[np.ndarray]:
    """Images uint8 `[N, H, W, C]`, C in {1, 3}, with black = 0 and white = 255.

    parts: {key: bools, integers or floats `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`}, not empty, the training part
    first, which decides. Floats lie in [0, 1], [-1, 1] or [0, 255], integers in 0 .. 1, 0 .. 255, or, as uint16, up to
    65,535. What is converted, or looks wrong, is said in one line. Raises DataError, with the NumPy line that helps,
    where black and white or the channels are in doubt, and if the parts differ.
    """
    key, train = next(iter(parts.items()))
    where = f"{name}: {key or 'the array'} {what(train)}"
    channels_first = _channels_first(train, where)
    black, white = _range(train, where)
    done = ["channels first"] if channels_first else []
    if train.dtype != np.uint8 or (black, white) != (0, 255):
        done.append(f"{black} for black and {white} for white, in 256 levels")
    if done:
        say(f"{where}: taken as images with {' and '.join(done)}")
    images = []
    for key, x in parts.items():
        where = f"{name}: {key or 'the array'} {what(x)}"
        _check_within(x, black, white, where)
        x = x[..., None] if x.ndim == 3 else np.moveaxis(x, 1, -1) if channels_first else x
        images.append(_converted(x, black, white))
        _warn(images[-1], where)
    return images


def _channels_first(x: np.ndarray, where: str) -> bool:
    if x.ndim == 3 or x.ndim == 4 and x.shape[-1] in CHANNELS:
        return False
    if x.ndim == 4 and x.shape[1] in CHANNELS:
        return True
    hint = "; x[..., :3] drops an alpha channel" if x.shape[-1] == 4 else ""
    raise DataError(f"{where}: {LAYOUT}{hint}")


def _range(x: np.ndarray, where: str) -> tuple[int, int]:
    """The values of black and white."""
    if x.dtype.kind == "b":
        return 0, 1
    low, high = x.min(), x.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        row = int(np.argmin(np.isfinite(x.reshape(len(x), -1)).all(axis=1)))
        raise DataError(f"{where}: images must be finite; row {row} is not")
    if x.dtype.kind == "f":
        choices = [(0, 1), (-1, 1), (0, 255)]
    else:
        choices = ([(0, 1)] if high == 1 else []) + [(0, 255)]
        choices += [(0, 65_535)] if x.dtype == np.uint16 and high >= 2**15 else []
    for black, white in choices:
        slack = SLACK * (white - black) if x.dtype.kind == "f" else 0
        if black - slack <= low and high <= white + slack:
            return black, white
    raise DataError(
        f"{where}: which values are black and white is in doubt: they span {low:g} .. {high:g}, not 0 .. 255, [0, 1] "
        "or [-1, 1]; store np.clip((x - BLACK) / (WHITE - BLACK) * 255, 0, 255).round().astype(np.uint8)"
    )


def _check_within(x: np.ndarray, black: int, white: int, where: str) -> None:
    if x.dtype == np.uint8 and white == 255:
        return
    slack = SLACK * (white - black)
    low, high = x.min(), x.max()
    if not (black - slack <= low and high <= white + slack):
        raise DataError(f"{where}: spans {low:g} .. {high:g}, but the training part {black} .. {white}")


def _converted(x: np.ndarray, black: int, white: int) -> np.ndarray:
    if x.dtype == np.uint8 and (black, white) == (0, 255):
        return x
    images = np.empty(x.shape, np.uint8)
    for start in range(0, len(x), ROWS):
        scaled = (x[start : start + ROWS].astype(np.float64) - black) * (255 / (white - black))
        images[start : start + ROWS] = np.rint(np.clip(scaled, 0, 255))
    return images


def _warn(images: np.ndarray, where: str) -> None:
    """Say what can be meant, but seldom is."""
    num, height, width, channels = images.shape
    highest = images.max()
    if highest == 0:
        say(f"{where}: all images are black, every value is 0")
    elif highest < DARK:
        say(
            f"{where}: all images are dark, the largest value is {highest} of 255; if it means white, store "
            f"np.rint(x * (255 / x.max())).astype(np.uint8)"
        )
    if {height, width} & set(CHANNELS):
        say(
            f"{where}: taken as {num} images of {height} x {width} pixels with {channels} channels; if the channels "
            "are on another axis, np.moveaxis(x, AXIS, -1) moves them to the last"
        )
