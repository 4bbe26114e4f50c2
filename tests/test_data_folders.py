"""Your own images, one folder a class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helper_utils.data import folders, load_dataset

COLOURS = {"blue": (0, 0, 200), "green": (0, 150, 0), "red": (250, 0, 0)}


def write_images(
    root: Path, classes: Sequence[str] = tuple(COLOURS), n: int = 5, size: tuple[int, int] = (32, 32)
) -> Path:
    for name in classes:
        (root / name).mkdir(parents=True)
        for number in range(n):
            Image.new("RGB", size, COLOURS[name]).save(root / name / f"{number}.png")
    return root


def read_all(path: Path, image_size: int = 32) -> np.ndarray:
    return folders.read(folders.find(path).train.images, image_size)


def test_one_folder_a_class_is_split_into_three_parts(tmp_path: Path) -> None:
    data = load_dataset(f"folder:{write_images(tmp_path / 'my images', n=10)}")
    assert data.class_names == ("blue", "green", "red")
    assert data.image_shape == (3, 32, 32)
    assert [len(part.targets) for part in (data.train, data.val, data.test)] == [19, 5, 6]
    for part in (data.train, data.val, data.test):
        pixels = (255 * data.to_pictures(part.inputs)[:, 0, 0]).round().int().tolist()
        assert [list(COLOURS[data.class_names[target]]) for target in part.targets] == pixels


@pytest.mark.parametrize("parts", [("test",), ("val",), ("val", "test")])
def test_parts_that_are_there_are_used_whole(tmp_path: Path, parts: tuple[str, ...]) -> None:
    write_images(tmp_path / "train", n=10)
    for part in parts:
        write_images(tmp_path / part, n=4)
    data = load_dataset(f"folder:{tmp_path}")
    for part in parts:
        assert len(getattr(data, part).targets) == 12
    n_split_off = {("test",): 6, ("val",): 6, ("val", "test"): 0}[parts]
    assert len(data.train.targets) == 30 - n_split_off


def test_relative_paths_and_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for path in ("pictures", "~/pictures", str(tmp_path / "pictures")):
        assert len(folders.find(path).train.labels) == 15


def test_images_are_cut_to_a_square_and_resized(tmp_path: Path) -> None:
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, 25:75] = 200  # the central square is bright, the sides are black
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "wide.png")
    images = read_all(tmp_path, 16)
    assert images.shape == (2, 16, 16, 3)
    assert (images == 200).all()


def test_images_of_the_right_size_are_read_unchanged(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    for name, image in zip("ab", pixels, strict=True):
        (tmp_path / name).mkdir()
        Image.fromarray(image).save(tmp_path / name / "image.png")
    assert np.array_equal(read_all(tmp_path), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK"])
def test_every_kind_of_image_becomes_rgb(tmp_path: Path, mode: str) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new(mode, (32, 32)).save(tmp_path / name / "image.tif")
    assert read_all(tmp_path).shape == (2, 32, 32, 3)


def test_a_photograph_taken_sideways_is_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, :16] = 255  # the left half is bright
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the left side of the file is the top of the picture
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "photo.png", exif=exif)
    image = read_all(tmp_path)[0]
    assert (image[:16] == 255).all()
    assert (image[16:] == 0).all()


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "red" / "notes.txt").touch()
    (tmp_path / "red" / ".hidden.png").touch()
    (tmp_path / ".cache").mkdir()
    assert len(folders.find(tmp_path).train.labels) == 15


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        load_dataset(f"folder:{tmp_path / 'nowhere'}")
    with pytest.raises(FileNotFoundError, match="'folder:PATH' needs the path"):
        load_dataset("folder:")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no folders; expected two or more, one for each class"):
        folders.find(tmp_path)


def test_one_class(tmp_path: Path) -> None:
    write_images(tmp_path, ["red"])
    with pytest.raises(ValueError, match=r"one folder \('red'\); expected two or more"):
        folders.find(tmp_path)


def test_a_class_without_images(tmp_path: Path) -> None:
    write_images(tmp_path, ["red", "blue"])
    (tmp_path / "green").mkdir()
    with pytest.raises(ValueError, match=r"class folder .*green holds no images .*\.png"):
        folders.find(tmp_path)


def test_a_class_too_small_to_split(tmp_path: Path) -> None:
    write_images(tmp_path, ["red", "blue"])
    write_images(tmp_path, ["green"], n=2)
    with pytest.raises(ValueError, match=r"class 'green' has 2 images.*3 or more"):
        load_dataset(f"folder:{tmp_path}")


@pytest.mark.parametrize("part", ["val", "test"])
def test_parts_with_different_classes(tmp_path: Path, part: str) -> None:
    write_images(tmp_path / "train")
    write_images(tmp_path / part, ["red", "blue"])
    with pytest.raises(ValueError, match="different classes: green in one of them only"):
        folders.find(tmp_path)


def test_a_misnamed_part(tmp_path: Path) -> None:
    write_images(tmp_path / "train")
    write_images(tmp_path / "valid")
    with pytest.raises(ValueError, match="'valid' beside 'train'"):
        folders.find(tmp_path)


def test_a_test_part_without_a_training_part(tmp_path: Path) -> None:
    write_images(tmp_path / "test")
    with pytest.raises(ValueError, match="'test' but no folder 'train'"):
        folders.find(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_truncated_image(tmp_path: Path, suffix: str) -> None:
    write_images(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    file = tmp_path / "red" / f"broken{suffix}"
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"cannot read the image .*broken\{suffix}.*Replace or remove it"):
        load_dataset(f"folder:{tmp_path}")


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_a_file_that_is_no_image(tmp_path: Path, content: bytes) -> None:
    write_images(tmp_path)
    (tmp_path / "red" / "broken.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read the image .*broken\.png"):
        load_dataset(f"folder:{tmp_path}")


def test_only_the_images_of_a_subset_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part, n in (("train", 50), ("val", 3), ("test", 3)):
        write_images(tmp_path / part, n=n)
    read_files = []
    read_image = folders._read_image
    monkeypatch.setattr(folders, "_read_image", lambda file, size: read_files.append(file) or read_image(file, size))
    load_dataset(f"folder:{tmp_path}", subset_size=12)
    assert len(read_files) == 12 + 9 + 9


def test_more_than_8_bits_a_colour(tmp_path: Path) -> None:
    write_images(tmp_path)
    Image.new("I;16", (32, 32)).save(tmp_path / "red" / "x-ray.png")
    with pytest.raises(ValueError, match=r"x-ray\.png: its pixels have more than 8 bits \(mode I;16\)"):
        load_dataset(f"folder:{tmp_path}")
