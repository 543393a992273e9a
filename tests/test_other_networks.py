"""Networks of Flax NNX, Equinox and Haiku as energies: the code of docs/extending.md, as it stands there."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest

TEXT = (Path(__file__).parents[1] / "docs/extending.md").read_text()
SECTION = TEXT[TEXT.index("## A network of another library") : TEXT.index("## A data set")]
*MAKERS, USE = re.findall(r"```python\n(.*?)```", SECTION, re.S)


@pytest.mark.parametrize(("index", "library"), [(0, "flax"), (1, "equinox"), (2, "haiku")])
def test_chains_objectives_and_methods_take_it(index, library):
    pytest.importorskip(library)
    assert library in MAKERS[index].split("\n", 1)[0] and len(MAKERS) == 3
    found = {"__name__": "extending"}
    exec(compile(MAKERS[index] + USE, "extending.md", "exec"), found)
    energy, params, data = found["energy"], found["params"], found["data"]
    sizes = [leaf.size for leaf in jax.tree.leaves(params)]
    assert sum(sizes) == 2 * 32 + 32 + 32 + 1  # one hidden layer, whatever the library calls its arrays
    np.testing.assert_allclose(energy(params, data)[3], energy(params, data[3:4])[0], rtol=1e-4, atol=1e-5)
    # A small step along the gradient lowers the loss by step · |grad|².
    grad, loss = found["grad"], found["loss"]
    moved = jax.tree.map(lambda p, g: p - 1e-3 * g, params, grad)
    square = sum(float(np.sum(np.square(leaf))) for leaf in jax.tree.leaves(grad))
    assert square > 0 and abs((loss(params) - loss(moved)) / (1e-3 * square) - 1) < 0.05
    # Adam's first step is its learning rate, but for the last bias: a constant in the energy has no gradient.
    before, after = found["method"].init(found["key"], {"x": data}), found["state"]
    pairs = zip(jax.tree.leaves(before.params), jax.tree.leaves(after.params))
    change = sorted(float(np.max(np.abs(a - b))) for a, b in pairs)
    np.testing.assert_allclose(change, [0.0] + [1e-3] * 3, rtol=1e-2)
