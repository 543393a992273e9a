import numpy as np
import pytest

from ebmjax.data import DataError, cache, load

IMAGES = np.random.RandomState(0).randint(0, 256, (30, 6, 10, 3), np.uint8)


def test_root(monkeypatch, tmp_path):
    monkeypatch.delenv("EBMJAX_CACHE", raising=False)
    assert cache.root() == cache.Path.home() / ".cache/ebmjax"
    monkeypatch.setenv("EBMJAX_CACHE", str(tmp_path))
    assert cache.root() == tmp_path and cache.root("elsewhere") == cache.Path("elsewhere")


def test_newest_compares_numbers():
    assert cache.newest(["1.9.0", "1.10.0", "1.2.11"]) == "1.10.0" and cache.newest([]) is None


def test_images_are_written_in_chunks(tmp_path):
    cache.write_images(tmp_path / "x.npy", (IMAGES[i : i + 7] for i in range(0, 30, 7)), IMAGES.shape)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy", mmap_mode="r"), IMAGES)


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "cache" / "set"
    with pytest.raises(KeyboardInterrupt), cache.filling(target) as folder:
        (folder / "x_train.npy").write_text("half")
        raise KeyboardInterrupt
    assert list(target.parent.iterdir()) == []
    with cache.filling(target) as folder:
        (folder / "x_train.npy").write_text("whole")
        assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == ["set"]


def test_of_two_that_fill_the_first_wins(tmp_path):
    target = tmp_path / "set"
    with cache.filling(target) as slow:
        (slow / "x_train.npy").write_text("slow")
        with cache.filling(target) as quick:
            (quick / "x_train.npy").write_text("quick")
    assert (target / "x_train.npy").read_text() == "quick"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_damaged_cache(make, folder, tmp_path):
    make(folder, {"train": IMAGES})
    load("tiny")
    path = tmp_path / "cache/tfds/tiny-1.0.0-full/x_train.npy"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="tiny-1.0.0-full is damaged .* delete this folder"):
        load("tiny")


def test_cache_that_cannot_be_written(make, folder, tmp_path):
    make(folder, {"train": IMAGES})
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the cache .* set EBMJAX_CACHE"):
        load("tiny", cache_dir=tmp_path / "file")
