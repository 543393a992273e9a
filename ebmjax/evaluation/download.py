"""Download and check the weights of the FID Inception: `python -m ebmjax.evaluation.download`.

They are PyTorch's port of the network of 2015-12-05, a PyTorch pickle, so PyTorch is needed here, once. The converted
weights are kept in the cache.
"""

import argparse
import hashlib
import http.client
import importlib
import importlib.util
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ebmjax.data import cache
from ebmjax.data.base import DataError, first_line
from ebmjax.evaluation.inception import load_inception

URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
"""By PyTorch's custom the digits before the suffix are the first of the file's SHA-256; they are checked."""
TIMEOUT = 60  # seconds without an answer


def weights_path(cache_dir: str | os.PathLike | None = None) -> Path:
    """The file that `download` writes. cache_dir: as in `data.load`."""
    return cache.root(cache_dir) / "inception" / "weights" / "inception.npz"


def given_or_downloaded(file: str | None, cache_dir: str | os.PathLike | None = None) -> Path:
    """The file of weights: `file` if given, else the one that `download` wrote. Raises DataError if there is none."""
    path = Path(file) if file else weights_path(cache_dir)
    if not file and not path.exists():
        raise DataError(
            "no weights of the FID Inception: pass --inception FILE.npz, or download them with "
            "`python -m ebmjax.evaluation.download`"
        )
    return path


def download(url: str = URL, cache_dir: str | os.PathLike | None = None) -> Path:
    """Fetch the weights, check their SHA-256, and keep them as an .npz that `load_inception` reads; return its path.

    url: of a state dict of PyTorch's port, in a file named `<anything>-<first digits of its SHA-256>.pth`. Existing
    weights are left alone. Raises DataError, one line, if PyTorch is missing, the download fails, the SHA-256 differs,
    or the file does not hold these weights.
    """
    path = weights_path(cache_dir)
    if path.exists():
        return path
    if cache.lasting(cache_dir) is None:
        raise DataError("there is no folder to keep the weights in: set EBMJAX_CACHE=FOLDER and repeat")
    if importlib.util.find_spec("torch") is None:
        raise DataError("reading the weights needs PyTorch, this once: run `pip install torch` and repeat")
    with cache.filling(path.parent) as folder:
        fetched = folder / "fetched.pth"
        _fetch(url, fetched)
        _convert(fetched, folder / path.name)
        fetched.unlink()
    return path


def _fetch(url: str, target: Path) -> None:
    named = re.search(r"-([0-9a-f]{8,64})\.\w+$", url)
    if named is None:
        raise DataError(f"{url}: the file's name must end in digits of its SHA-256, such as -6726825d.pth")
    print(f"fetching {url}", flush=True)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, open(target, "wb") as file:
            shutil.copyfileobj(answer, file)
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ValueError) as error:
        raise DataError(f"cannot download {url}: {first_line(error)}") from None
    found = hashlib.sha256(target.read_bytes()).hexdigest()
    if not found.startswith(named[1]):
        raise DataError(f"{url} is damaged or another file: its SHA-256 begins with {found[:12]}, not {named[1]}")


def _convert(source: Path, target: Path) -> None:
    torch = importlib.import_module("torch")
    try:
        state = torch.load(source, map_location="cpu", weights_only=True)
        np.savez(target, **{name: value.numpy() for name, value in state.items()})
        load_inception(target)
    except Exception as error:  # pickles fail in many ways
        raise DataError(
            f"the downloaded file does not hold the expected weights: {type(error).__name__}: {first_line(error)}"
        ) from None


def main(argv: Sequence[str] | None = None) -> None:
    """The command; exits with one line on stderr if it fails."""
    parser = argparse.ArgumentParser(prog="python -m ebmjax.evaluation.download", description=__doc__)
    parser.add_argument("--url", default=URL, help="another address of the same file, also file:///FOLDER/NAME")
    arguments = parser.parse_args(argv)
    try:
        print(f"the weights are in {download(arguments.url)}, where `experiments.evaluate --with fid` finds them")
    except DataError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
