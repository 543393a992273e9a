import numpy as np
import pytest
import tensorflow_datasets

from ebmjax.data import prepare

IMAGES = np.random.RandomState(0).randint(0, 256, (30, 6, 10, 3), np.uint8)


def test_prepare_reports_what_is_there(make, folder, capsys):
    make(folder, {"train": IMAGES})
    capsys.readouterr()
    prepare.main(["tiny", "--data_dir", str(folder)])
    assert capsys.readouterr().out == f"tiny is ready in {folder}/tiny/1.0.0\n"


@pytest.mark.parametrize("missing", prepare.NEEDED)
def test_prepare_names_missing_packages(missing, folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else name)
    with pytest.raises(SystemExit, match=rf"needs {missing}: run `pip install -e '\.\[data\]'`") as error:
        prepare.main(["svhn_cropped"])
    assert "\n" not in str(error.value.code)


def test_prepare_without_a_connection(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)

    def no_connection(self, **_):
        raise ConnectionError("Max retries exceeded\nand more")

    monkeypatch.setattr(tensorflow_datasets.core.DatasetBuilder, "download_and_prepare", no_connection)
    with pytest.raises(SystemExit, match="^error: cannot download svhn_cropped to .*Max retries exceeded$"):
        prepare.main(["svhn_cropped"])


def test_prepare_refuses_before_it_downloads(folder):
    with pytest.raises(SystemExit, match="ag_news_subset: needs uint8 images"):
        prepare.main(["ag_news_subset"])
    with pytest.raises(SystemExit, match="did you mean svhn_cropped"):
        prepare.main(["svhn"])
