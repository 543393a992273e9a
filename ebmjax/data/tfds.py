"""Image sets of TensorFlow Datasets (TFDS) by name, read without TensorFlow and kept decoded in the cache."""

import os
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ebmjax.data import cache
from ebmjax.data.base import DataError, Dataset, first_line, hold_out, say, unknown_name
from ebmjax.data.classes import number_labels
from ebmjax.data.decode import Part, fill

VERSION = r"(\d+\.\d+\.\d+)"


class Name(NamedTuple):
    """A parsed "set[/config][:version][@size]". base: "set" or "set/config". size: None keeps the original pixels."""

    full: str
    base: str
    version: str | None
    size: int | None

    def __str__(self) -> str:
        """The name as TFDS writes it, without the size."""
        return self.base + (f":{self.version}" if self.version else "")


def load(
    name: str, *, data_dir: str | os.PathLike | None = None, cache_dir: str | os.PathLike | None = None
) -> Dataset:
    """Load a set that TFDS has prepared. It is decoded once (70,000 small images take seconds), then cached.

    Args:
        name: "mnist", "lsun/bedroom", "mnist:3.0.1", "celeb_a@64". Without a version, the newest on disk. "@64" takes
            the centre square of every image and resizes it to 64×64, bilinear with antialiasing.
        data_dir: where TFDS keeps its sets; default $TFDS_DATA_DIR, else ~/tensorflow_datasets.
        cache_dir: see `cache.root`. Cached sets are read without TFDS.

    Returns:
        uint8 images of the splits "train" and "test" (else "validation", else a tenth held out of "train") as read-only
        memory maps, and int32 labels where the set has an integer "label".

    Raises DataError for unknown names, for sets that are not prepared (nothing is downloaded here; the message has the
    command for it), and for sets without uint8 images of one size under "image".
    """
    parsed = parse(name)
    folder = data_folder(data_dir)
    cached = cache.root(cache_dir) / "tfds"
    stem, size = parsed.base.replace("/", "-"), parsed.size or "full"
    if parsed.version is None:
        in_cache = cache.versions(cached, rf"{re.escape(stem)}-{VERSION}-{size}", "x_train.npy")
        on_disk = cache.versions(Path(folder) / parsed.base, VERSION, "dataset_info.json")
        parsed = parsed._replace(version=cache.newest(in_cache + on_disk))
    target = cached / f"{stem}-{parsed.version}-{size}"
    if not target.is_dir():
        builder = find_builder(parsed, folder)
        if not is_prepared(builder):
            where = f" --data_dir {shlex.quote(str(data_dir))}" if data_dir else ""
            raise DataError(
                f"{parsed} is not prepared in {folder}: run "
                f"`pip install -e '.[data]' && python -m ebmjax.data.prepare {parsed}{where}`"
            )
        target = cached / f"{stem}-{builder.version}-{size}"
        if not target.is_dir():
            shape = image_shape(builder, name, parsed.size)
            fill(target, name, split_parts(builder, name), shape, parsed.size)
    x_train, y_train, x_test, y_test = cache.read(target)
    y_train, y_test = _classes(y_train, y_test, name)
    return Dataset(name, x_train, y_train, x_test, y_test, max_value=255)


def _classes(y_train: np.ndarray | None, y_test: np.ndarray | None, name: str):
    """(y_train, y_test) as classes 0 .. K - 1, or None twice if a part has no labels, which TFDS also writes as -1."""
    if y_train is None or y_test is None:
        return None, None
    for part, y in (("training", y_train), ("test", y_test)):
        if np.all(y == -1):
            say(f"{name}: the {part} part has no labels, only -1: taken as a set without labels")
            return None, None
    return number_labels([y_train, y_test], name)


def parse(name: str) -> Name:
    """Parse "set[/config][:version][@size]"; DataError if it is not of this form."""
    match = re.fullmatch(rf"([a-z]\w*(?:/\w[\w.\-]*)?)(?::{VERSION})?(?:@([1-9]\d{{0,3}}))?", name, re.ASCII)
    if match:
        return Name(name, match[1], match[2], int(match[3]) if match[3] else None)
    if "@" in name:
        raise DataError(f"{name!r}: @ must be followed by the side of the square images in pixels, as in celeb_a@64")
    raise unknown_name(name, _tfds_names())


def data_folder(data_dir: str | os.PathLike | None) -> str:
    """The folder of TFDS's sets: `data_dir`, else $TFDS_DATA_DIR, else ~/tensorflow_datasets (may be a bucket)."""
    return os.path.expanduser(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


def find_builder(parsed: Name, folder: str) -> Any:
    """The TFDS builder of a set, prepared or not. Offline; DataError if TFDS does not know it."""
    if folder.startswith("~"):  # else TFDS would make a folder of that name
        raise DataError(f"{folder}: the home folder is unknown; set TFDS_DATA_DIR to the folder of TFDS's sets")
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(str(parsed), data_dir=folder)
    except tfds.core.DatasetNotFoundError:
        raise unknown_name(parsed.full, _tfds_names()) from None
    except Exception as error:  # a wrong config or version: AssertionError or ValueError, of many lines
        raise DataError(f"TFDS cannot load {parsed} from {folder}: {first_line(error)}") from error


def is_prepared(builder: Any) -> bool:
    """Whether the files of a set exist. TFDS's own check would log warnings."""
    return (builder.data_path / "dataset_info.json").exists()


def feature_shape(builder: Any, name: str) -> tuple[int | None, int | None, int]:
    """(H, W, C) of a set's images, None for sizes that vary; DataError if it has no uint8 images of 1 or 3 channels."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    image = features["image"] if isinstance(features, tfds.features.FeaturesDict) and "image" in features else None
    if not isinstance(image, tfds.features.Image) or image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        has = re.sub(r"\s+", " ", str(image or features))
        raise DataError(f"{name}: needs uint8 images with 1 or 3 channels under 'image', has {has:.200}")
    return image.shape


def image_shape(builder: Any, name: str, size: int | None) -> tuple[int, int, int]:
    """(H, W, C) of the decoded images; DataError if they have no common size."""
    height, width, channels = feature_shape(builder, name)
    if size:
        return size, size, channels
    if height is None or width is None:
        raise DataError(f"{name}: its images vary in size; add the side of centre squares to the name, as in {name}@64")
    return height, width, channels


def split_parts(builder: Any, name: str) -> dict[str, Part]:
    """The parts "train" and "test": sources of encoded images, and the rows to read."""
    import tensorflow_datasets as tfds

    splits = list(builder.info.splits)
    if "train" not in splits:
        raise DataError(f"{name}: no split 'train', only {', '.join(splits)}")
    test = next((split for split in ("test", "validation") if split in splits), None)
    wanted = ["train"] + ([test] if test else [])
    try:
        decoders = {"image": tfds.decode.SkipDecoding()}
        train, *others = builder.as_data_source(wanted, decoders=decoders)
    except NotImplementedError:
        raise DataError(
            f"{name}: {builder.data_path} is in a format that only TensorFlow reads (tfrecord); prepare it in another "
            f"folder: `python -m ebmjax.data.prepare {name.partition('@')[0]} --data_dir FOLDER`"
        ) from None
    if others:
        return {"train": Part(train, range(len(train))), "test": Part(others[0], range(len(others[0])))}
    train_rows, test_rows = hold_out(len(train), name)
    return {"train": Part(train, train_rows), "test": Part(train, test_rows)}


def _tfds_names() -> list[str]:
    import tensorflow_datasets as tfds

    return tfds.list_builders(with_community_datasets=False)  # the community's list is fetched from the network
