"""Whatever is in a file: a data set, or one DataError line."""

import contextlib
import gzip
import io
import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from ebmjax.data import DataError, load, spec

FIXED = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

types = st.sampled_from("u1 u1 u1 f4 f8 f2 i8 u2 i1 ? c8 M8[s] U2 S3 O >f4 >u2".split()).map(np.dtype)
sizes = st.sampled_from([0, 1, 2, 3, 4, 8])
sides, channels = st.sampled_from([1, 3, 4, 8]), st.sampled_from([1, 3])
images = st.one_of(
    st.tuples(st.just(6), sides, sides, channels),
    st.tuples(st.just(6), channels, sides, sides),
    st.tuples(st.just(6), sides, sides),
)
shapes = images | st.tuples(st.just(6), sides) | st.lists(sizes, max_size=5).map(tuple)
scales = st.sampled_from([0.0, 1.0, 2.0, 16.0, 255.0, 65_535.0, 1e30, np.inf, np.nan])
labels = st.sampled_from(
    [0, 1, -1, 0.5, np.nan, np.inf, 1e300, 2**31, 2**62, "a", "", "\n", b"x", True, None, 1j, np.datetime64(0, "s")]
)


@st.composite
def arrays(draw):
    """Random values of one type, shape and range; a few are replaced by what is not finite."""
    kind, scale = draw(types), draw(scales)
    shape = draw(images if kind.kind in "u?" and draw(st.booleans()) else shapes)
    x = np.random.RandomState(draw(st.integers(0, 9))).uniform(draw(st.sampled_from([0, -1])), 1, shape) * scale
    with np.errstate(all="ignore"):
        return np.asarray(x.astype("i8") if kind.kind in "M" else x).astype(kind)


@st.composite
def some_labels(draw):
    of_a_kind = st.sampled_from([[1, 2, 3], [-1, 1], [0.0, 7.0], ["b", "a"], [0, 2_000_000_000], [True, False]])
    values = draw(of_a_kind | st.lists(labels, min_size=1, max_size=3))
    num = draw(st.sampled_from([6, 6, 6, 6, 6, 1, 0]))
    try:
        return np.array((values * 6)[:num])
    except (TypeError, ValueError):  # no type holds them all
        return np.array((values * 6)[:num], object)


@st.composite
def npz_files(draw):
    """The bytes of an .npz, .npy or something else; perhaps cut off, or with a byte changed."""
    roles = draw(
        st.sampled_from(
            ["x y", "x y", "x y", "x y", "x", "x_train x_test", "x_train y_train x_test y_test", "a b", "a", ""]
        )
    )
    found, first = {}, draw(arrays())
    for role in roles.split():
        found[role] = draw(some_labels()) if "y" in role else first if draw(st.integers(0, 5)) else draw(arrays())
    file = io.BytesIO()
    if roles and draw(st.integers(0, 5)):
        draw(st.sampled_from([np.savez, np.savez_compressed]))(file, **found)
    else:
        np.save(file, first)
    return damaged(draw, file.getvalue())


@st.composite
def text_files(draw):
    words = st.text("aé\t\r\n ,1-\ufeff\0\x0b\u2028", max_size=30)
    rows = st.lists(st.tuples(st.integers(-2, 12), st.sampled_from(["a b", "c", "é", ""])), max_size=6)
    text = draw(words | rows.map(lambda rows: "\n".join(f"{label}\t{words}" for label, words in rows)))
    encoding = draw(st.sampled_from("utf-8 utf-8 utf-8-sig utf-16 utf-16-le utf-32 latin1".split()))
    raw = text.encode(encoding, "replace")
    return damaged(draw, gzip.compress(raw) if draw(st.integers(0, 3)) == 0 else raw)


def damaged(draw, raw):
    if raw and draw(st.integers(0, 7)) == 7:
        place = draw(st.integers(0, len(raw) - 1))
        raw = raw[:place] + draw(st.sampled_from([b"", bytes([raw[place] ^ 0x55]) + raw[place + 1 :]]))
    return raw


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    folder, numbers = tmp_path_factory.mktemp("any"), itertools.count()

    def check(kind, raw):
        path = folder / f"{next(numbers)}"
        path.write_bytes(raw)
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                data = load(f"{kind}:{path}")
        except DataError as error:
            assert "\n" not in str(error) and str(error).startswith(f"{kind}:{path}") and len(str(error)) < 600
            return
        assert all(line.startswith(f"{kind}:{path}") for line in said.getvalue().splitlines())
        found = spec(data)
        assert len(data.x_train) and len(data.x_test) and data.x_train.shape[1:] == data.x_test.shape[1:]
        assert data.x_train.dtype in ((np.uint8,) if data.max_value else (np.float32, np.int32))
        assert np.isfinite(data.x_train).all()
        if data.y_train is not None:
            assert data.y_train.shape == (found.num_train,) and data.y_test.shape == (found.num_test,)
            distinct = set(data.y_train.tolist()) | set(data.y_test.tolist())
            assert distinct == set(range(found.num_classes))

    return check


@FIXED
@given(raw=npz_files())
def test_any_arrays(check, raw):
    check("npz", raw)


@FIXED
@given(raw=text_files())
def test_any_text(check, raw):
    check("lines", raw)


@settings(FIXED, max_examples=40)
@given(raw=text_files() | st.binary(max_size=40), start=st.sampled_from([b"", b"\x93NUMPY", b"PK\x03\x04"]))
def test_any_bytes_as_arrays(check, raw, start):
    check("npz", start + raw)
