"""Download an image set and prepare it with TFDS: `python -m ebmjax.data.prepare NAME [--data_dir D]`."""

import argparse
import importlib.util
import logging
import os
from collections.abc import Sequence

from ebmjax.data import tfds
from ebmjax.data.base import DataError, first_line

NEEDED = ("tensorflow", "importlib_resources")  # needed by TFDS to prepare images, not to read them


def prepare(name: str, data_dir: str | os.PathLike | None = None) -> str:
    """Download and prepare the TFDS set `name` in a format that can be read without TensorFlow; return its folder.

    A set that is already prepared is left alone. Raises DataError, one line, if the name is unknown, the set has no
    images, a package is missing, or the download fails.
    """
    parsed = tfds.parse(name)
    builder = tfds.find_builder(parsed, tfds.data_folder(data_dir))
    tfds.feature_shape(builder, name)
    if not tfds.is_prepared(builder):
        missing = [package for package in NEEDED if importlib.util.find_spec(package) is None]
        if missing:
            raise DataError(f"preparing {parsed} needs {' and '.join(missing)}: run `pip install -e '.[data]'`")
        _download(builder, str(parsed))
    tfds.split_parts(builder, name)  # DataError if it was already prepared in a format that `load` cannot read
    return str(builder.data_path)


def _download(builder, name: str) -> None:
    from tensorflow_datasets import download

    logging.getLogger("urllib3").setLevel(logging.ERROR)  # else ten warnings for each address that does not answer
    print(
        f"preparing {name} in {builder.data_path}; without a connection this gives up after a few minutes", flush=True
    )
    try:
        # array_record can be read without TensorFlow, unlike TFDS's default
        builder.download_and_prepare(
            file_format="array_record", download_config=download.DownloadConfig(try_download_gcs=False)
        )
    except OSError as error:  # includes the errors of requests
        raise DataError(f"cannot download {name} to {builder.data_path}: {first_line(error)}") from error
    except Exception as error:  # a wrong checksum, a quota, an archive to download by hand: TFDS's message says which
        raise DataError(f"TFDS cannot prepare {name}: {type(error).__name__}: {first_line(error)}") from error


def main(argv: Sequence[str] | None = None) -> None:
    """The command; exits with one line on stderr if it fails."""
    parser = argparse.ArgumentParser(prog="python -m ebmjax.data.prepare", description=__doc__)
    parser.add_argument("name", help="name in the TFDS catalog, for example svhn_cropped, mnist or celeb_a")
    parser.add_argument(
        "--data_dir", help="where TFDS keeps its sets (default $TFDS_DATA_DIR or ~/tensorflow_datasets)"
    )
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        print(f"{args.name} is ready in {prepare(args.name, args.data_dir)}")
    except DataError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
