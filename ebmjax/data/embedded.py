"""Data sets that need no file: scikit-learn's digits, a texture, and random images of any shape."""

import re

import numpy as np

from ebmjax.data.base import DataError, Dataset, fixed_permutation

DIGITS_TRAIN = 1437  # 80 % of 1,797
LABYRINTH_SIDE, LABYRINTH_PERIOD = 128, 12.0  # pixels
FAKE_TRAIN, FAKE_TEST, FAKE_CLASSES = 512, 128, 10


def digits() -> Dataset:
    """Handwritten digits 8×8×1 with values 0 .. 16 and labels 0 .. 9: 1,437 for training, 360 for tests.

    They are split by one fixed permutation, since the original order groups writers.

    Reference: Alpaydin & Kaynak 1998, "Optical Recognition of Handwritten Digits" (UCI), test part, as in scikit-learn.
    """
    from sklearn.datasets import load_digits  # lazy: it takes a second

    bunch = load_digits()
    order = fixed_permutation(len(bunch.images))
    x = bunch.images.astype(np.uint8)[order, :, :, None]
    y = bunch.target.astype(np.int32)[order]
    n = DIGITS_TRAIN
    return Dataset("digits", x[:n], y[:n], x[n:], y[n:], max_value=16)


def labyrinth() -> Dataset:
    """A texture of winding stripes, grey 128×128×1: one image for training, another one for tests.

    Gaussian noise whose frequencies lie near one per 12 pixels in all directions (a ring of relative width 0.15), at
    unit variance, then tanh(3 ·), which makes it almost black and white.
    """
    # RandomState is the generator NumPy promises not to change.
    noise = np.random.RandomState(0).standard_normal((2, LABYRINTH_SIDE, LABYRINTH_SIDE))
    frequency = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(LABYRINTH_SIDE)]))
    ring = np.exp(-0.5 * ((frequency * LABYRINTH_PERIOD - 1) / 0.15) ** 2)
    field = np.fft.ifft2(np.fft.fft2(noise) * ring).real
    stripes = np.tanh(3 * field / field.std(axis=(1, 2), keepdims=True))
    x = np.rint((stripes[..., None] + 1) * 127.5).astype(np.uint8)
    return Dataset("labyrinth", x[:1], None, x[1:], None, max_value=255)


def fake(shape: str) -> Dataset:
    """Uniformly random images, the same at every call, to try a program on the shape of another data set.

    Args:
        shape: "HxWxC", H and W in 1 .. 1024, C in {1, 3}; for example "32x32x3".

    Returns:
        512 training and 128 test images, labels in 10 classes. Raises DataError if `shape` is anything else.
    """
    name = f"fake:{shape}"
    numbers = [int(n) for n in shape.split("x")] if re.fullmatch(r"\d{1,4}x\d{1,4}x\d", shape, re.ASCII) else [0]
    if not all(1 <= n <= 1024 for n in numbers) or numbers[-1] not in (1, 3):
        raise DataError(f"{name}: expected fake:HxWxC with H, W in 1..1024 and C 1 or 3, for example fake:32x32x3")
    random = np.random.RandomState(0)
    num = FAKE_TRAIN + FAKE_TEST
    x = random.randint(0, 256, (num, *numbers), dtype=np.uint8)
    y = random.randint(0, FAKE_CLASSES, num, dtype=np.int32)
    n = FAKE_TRAIN
    return Dataset(name, x[:n], y[:n], x[n:], y[n:], max_value=255)
