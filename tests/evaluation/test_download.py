"""The download of the Inception weights, from a server of this machine, through a stand-in for PyTorch."""

import functools
import hashlib
import http.server
import importlib.machinery
import io
import sys
import threading
import types

import jax
import numpy as np
import pytest

from ebmjax.data.base import DataError
from ebmjax.evaluation import download as module
from ebmjax.evaluation.download import download, weights_path
from ebmjax.evaluation.inception import torch_name
from ebmjax.nets.inception import SIZE, Inception


class Tensor(np.ndarray):
    def numpy(self):
        return np.asarray(self)


def load(path, map_location, weights_only):
    assert map_location == "cpu" and weights_only
    return {name: array.view(Tensor) for name, array in np.load(path).items()}


@pytest.fixture
def torch(monkeypatch):
    """A `torch` whose pickles are .npz files."""
    made = types.ModuleType("torch")
    made.__spec__ = importlib.machinery.ModuleSpec("torch", None)
    monkeypatch.setitem(sys.modules, "torch", made)
    monkeypatch.setattr(made, "load", load, raising=False)


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """bytes, digits of the name -> the address of a file of them, on a server of this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(
        type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": print}), directory=folder
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def publish(content, digits=None):
            name = f"weights-{digits or hashlib.sha256(content).hexdigest()[:8]}.pth"
            (folder / name).write_bytes(content)
            return f"http://127.0.0.1:{server.server_address[1]}/{name}"

        yield publish
        server.shutdown()


def packed(**arrays):
    with io.BytesIO() as file:
        np.savez_compressed(file, **arrays)
        return file.getvalue()


def state_dict():
    """Arrays as PyTorch's port names and shapes them, all of them ones, and one that only the port has."""
    variables = jax.eval_shape(
        Inception().init, jax.random.key(0), jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.float32)
    )
    shape = lambda leaf: leaf.shape if len(leaf.shape) == 1 else tuple(leaf.shape[i] for i in (3, 2, 0, 1))
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    arrays = {torch_name(keys[-2].key, keys[-1].key): np.ones(shape(leaf), np.float32) for keys, leaf in leaves}
    return arrays | {"fc.bias": np.zeros(1008, np.float32)}


def test_weights_are_fetched_once(torch, serve, tmp_path, monkeypatch):
    url = serve(packed(**state_dict()))
    path = download(url, tmp_path / "cache")
    assert path == weights_path(tmp_path / "cache") and [p.name for p in path.parent.iterdir()] == [path.name]
    with np.load(path) as arrays:  # `download` itself asks `load_inception` whether they are the weights
        assert (arrays["Conv2d_1a_3x3.conv.weight"] == 1).all() and len(arrays.files) == 377
    monkeypatch.setattr(module, "_fetch", None)
    assert download(url, tmp_path / "cache") == path


def test_what_is_not_these_weights_is_refused(torch, serve, tmp_path):
    cache = tmp_path / "cache"
    with pytest.raises(DataError, match="is damaged or another file: its SHA-256 begins with"):
        download(serve(packed(**state_dict()), "0123abcd"), cache)
    with pytest.raises(DataError, match="does not hold the expected weights: ValueError: .*no array"):
        download(serve(packed(a=np.zeros(3))), cache)
    with pytest.raises(DataError, match="does not hold the expected weights"):
        download(serve(b"no pickle"), cache)
    with pytest.raises(DataError, match="must end in digits"):
        download("http://127.0.0.1/weights.pth", cache)
    with pytest.raises(DataError, match="cannot download http://127.0.0.1:1/"):
        download("http://127.0.0.1:1/w-0123abcd.pth", cache)
    assert not weights_path(cache).exists()


def test_a_file_at_hand_will_do(torch, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EBMJAX_CACHE", str(tmp_path / "cache"))
    content = packed(**state_dict())
    file = tmp_path / f"weights-{hashlib.sha256(content).hexdigest()[:12]}.pth"
    file.write_bytes(content)
    module.main([f"--url=file://{file}"])
    assert f"the weights are in {weights_path()}" in capsys.readouterr().out and weights_path().exists()


def test_without_pytorch_it_says_so_before_it_fetches(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setenv("EBMJAX_CACHE", str(tmp_path))
    with pytest.raises(SystemExit, match="needs PyTorch, this once: run `pip install torch`"):
        module.main([])
    assert not capsys.readouterr().out
