"""Your own images, one folder a class: which files are taken, for which class and which part."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helper_utils.data import check_dataset, image_files, load_dataset
from helper_utils.data.folders import find_images

COLOURS = {"blue": (0, 0, 200), "green": (0, 150, 0), "red": (250, 0, 0)}


def write_images(
    root: Path, classes: Sequence[str] = tuple(COLOURS), n: int = 5, size: tuple[int, int] = (32, 32)
) -> Path:
    for name in classes:
        (root / name).mkdir(parents=True)
        for number in range(n):
            Image.new("RGB", size, COLOURS[name]).save(root / name / f"{number}.png")
    return root


def touch(root: Path, *files: str) -> Path:
    """Make empty files: they are found, though they could not be read."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def touch_classes(root: Path, *classes: str, n: int = 3) -> Path:
    return touch(root, *(f"{name}/{number}.png" for name in classes for number in range(n)))


def counts(path: str | Path) -> dict[str, dict[str, int]]:
    return {part: {name: len(files) for name, files in found.items()} for part, found in find_images(path).items()}


def sizes(name: str, **options: Any) -> list[int]:
    data = load_dataset(name, **options)
    return [len(part.targets) for part in (data.train, data.val, data.test)]


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


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("Train", "Val", "Test"),
        ("TRAIN", "VALID", "TEST"),
        ("training", "validation", "testing"),
        ("training_set", "dev-set", "Test Set"),
        ("trainset", "ValData", "test_images"),
        ("train2017", "val2017", "test1"),
        ("1_train", "2_valid", "3_test"),
    ],
)
def test_every_spelling_of_the_parts(tmp_path: Path, train: str, val: str, test: str) -> None:
    for number, part in enumerate((train, val, test), 1):
        touch_classes(tmp_path / part, "cat", "dog", n=number)
    assert counts(tmp_path) == {
        part: {"cat": number, "dog": number} for number, part in enumerate(("train", "val", "test"), 1)
    }


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["train", "training", "test"], "'train' and 'training', which both mean 'train'"),
        (["Train", "dev", "valid"], "'dev' and 'valid', which both mean 'val'"),
        (["train", "evaluation"], "'evaluation' beside 'train'; expected nothing but 'train', 'val' and 'test'"),
        (["Test", "cat", "dog"], "'cat' beside 'Test'.*if 'Test' is a class, give it another name"),
        (["Testing"], "has a folder 'Testing' but no folder 'train'"),
        (["valid", "test"], "no folder 'train'"),
        (["seg_train", "seg_test"], "'seg_test', 'seg_train', which look like training"),
        (["cat_train", "cat_test", "dog_train", "dog_test"], "which look like training and test sets"),
    ],
)
def test_unclear_parts_are_refused(tmp_path: Path, folders: list[str], message: str) -> None:
    for folder in folders:
        touch_classes(tmp_path / folder, "a", "b")
    with pytest.raises(ValueError, match=message):
        find_images(tmp_path)


@pytest.mark.parametrize("classes", [("trains", "tests"), ("railway station", "valley"), ("contest", "station")])
def test_classes_that_are_only_similar_to_parts(tmp_path: Path, classes: tuple[str, ...]) -> None:
    assert counts(touch_classes(tmp_path, *classes)) == {"train": dict.fromkeys(sorted(classes), 3)}


def test_parts_inside_the_classes_are_refused(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        touch_classes(tmp_path / name, "train", "test")
    with pytest.raises(ValueError, match="cat holds 'test', 'train', which look like training and test sets"):
        find_images(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["train/1.png", "train/2.png", "test/3.png"], r"train holds images in no class folder \('1\.png' and 1 more"),
        (["train/a/1.png", "train/b/2.png", "train/3.png"], r"train holds images in no class folder \('3\.png'\)"),
        (["train/a/1.png", "train/b/2.png", "test/3.png"], r"test holds images in no class folder"),
        (["1.png", "a/1.png", "b/1.png"], "images in no class folder.*move them into the folder of their class"),
        (["1.png"], "images in no class folder"),
    ],
)
def test_loose_images_are_refused(tmp_path: Path, files: list[str], message: str) -> None:
    touch(tmp_path, *files)
    with pytest.raises(ValueError, match=message):
        find_images(tmp_path)


def test_relative_paths_and_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch_classes(tmp_path / "pictures", "a", "b")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for path in ("pictures", "~/pictures", str(tmp_path / "pictures")):
        assert counts(path) == {"train": {"a": 3, "b": 3}}


def test_folders_inside_a_class_belong_to_it(tmp_path: Path) -> None:
    touch_classes(tmp_path, "a", "b")
    touch(tmp_path, "a/indoors/1.jpg", "a/outdoors/deep/2.JPEG")
    assert counts(tmp_path) == {"train": {"a": 5, "b": 3}}


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    touch_classes(tmp_path, "a", "b")
    touch(tmp_path, "notes.txt", "a/notes.txt", "a/.hidden.png", ".cache/1.png")
    assert counts(tmp_path) == {"train": {"a": 3, "b": 3}}


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", ".git", "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN"])
@pytest.mark.parametrize("place", [".", "train", "train/a", "train/a/inner", "test", "test/b"])
def test_hidden_folders_never_count(tmp_path: Path, hidden: str, place: str) -> None:
    touch_classes(tmp_path / "train", "a", "b")
    touch_classes(tmp_path / "test", "a", "b")
    touch(tmp_path / place / hidden, "1.png", "inner/2.png")
    assert counts(tmp_path) == {part: {"a": 3, "b": 3} for part in ("train", "test")}


def test_only_files_are_images(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "red" / "folder.jpg").mkdir()
    (tmp_path / "red" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "red" / "ring").symlink_to(tmp_path / "red", target_is_directory=True)
    os.mkfifo(tmp_path / "red" / "pipe.png")
    assert sum(sizes(f"folder:{tmp_path}")) == 15


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        load_dataset(f"folder:{tmp_path / 'nowhere'}")
    with pytest.raises(FileNotFoundError, match="'folder:PATH' needs the path"):
        load_dataset("folder:")
    touch(tmp_path, "images.zip")
    with pytest.raises(FileNotFoundError, match=r"images\.zip is a file"):
        load_dataset(f"folder:{tmp_path / 'images.zip'}")


def test_a_home_folder_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match=r"^there is no home folder '~no-such-user', which '~no-such-user/images'"):
        load_dataset("folder:~no-such-user/images")


def test_a_current_directory_that_was_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="'images' starts from the current directory, which has been deleted"):
        load_dataset("folder:images")


@pytest.mark.parametrize("unreadable", ["images", "a", "inner"])
def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unreadable: str) -> None:
    touch_classes(tmp_path / "images", "a", "b")
    touch(tmp_path, "images/a/inner/1.png")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path.name == unreadable:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match=rf"cannot read the folder .*{unreadable} \(Permission denied\); make it"):
        find_images(tmp_path / "images")


def test_a_path_that_is_too_long() -> None:
    with pytest.raises(OSError, match=r"cannot read the folder .*x"):
        find_images("x" * 5000)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no folders; expected two or more, one for each class"):
        find_images(tmp_path)
    touch_classes(tmp_path / "train", "a", "b")
    (tmp_path / "test").mkdir()
    with pytest.raises(ValueError, match=r"test holds no folders"):
        find_images(tmp_path)


def test_one_class(tmp_path: Path) -> None:
    touch_classes(tmp_path, "a")
    with pytest.raises(ValueError, match=r"one folder \('a'\); expected two or more.*with its images inside$"):
        find_images(tmp_path)


def test_the_folder_of_the_classes_is_one_level_deeper(tmp_path: Path) -> None:
    touch_classes(tmp_path / "my images", "a", "b")
    with pytest.raises(ValueError, match=r"one folder \('my images'\).* Did you mean 'folder:.*/my images'"):
        find_images(tmp_path)


def test_a_class_without_images(tmp_path: Path) -> None:
    touch_classes(tmp_path, "a", "b")
    (tmp_path / "c").mkdir()
    with pytest.raises(ValueError, match=r"class folder .*c holds no images .*\.png"):
        find_images(tmp_path)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("parts", "n"), [(["train"], 3), (["train", "val"], 2), (["train", "val", "test"], 1)])
def test_the_smallest_classes_have_an_image_in_each_part(tmp_path: Path, parts: list[str], n: int, seed: int) -> None:
    for part in parts:
        write_images(tmp_path / part, n=n)
    data = load_dataset(f"folder:{tmp_path}", seed=seed)
    for part in (data.train, data.val, data.test):
        assert set(part.targets.tolist()) == {0, 1, 2}
    assert sum(len(part.targets) for part in (data.train, data.val, data.test)) == 3 * n * len(parts)


@pytest.mark.parametrize(
    ("parts", "n", "message"),
    [
        (["train"], 2, "class 'c' has 2 images, .* each of train, val, test; .* 3 or more"),
        (["train", "test"], 1, "class 'c' has 1 image, .* each of train, val; .* 2 or more"),
    ],
)
def test_a_class_too_small_to_split(tmp_path: Path, parts: list[str], n: int, message: str) -> None:
    for part in parts:
        touch_classes(tmp_path / part, "a", "b", n=5)
        touch_classes(tmp_path / part, "c", n=n)
    with pytest.raises(ValueError, match=message):
        find_images(tmp_path)


@pytest.mark.parametrize("part", ["val", "test"])
def test_parts_with_different_classes(tmp_path: Path, part: str) -> None:
    touch_classes(tmp_path / "train", "a", "b", "c")
    touch_classes(tmp_path / part, "a", "b")
    with pytest.raises(ValueError, match=f"'{part}' and the 'train' folder in .* different classes: c in one of them"):
        find_images(tmp_path)


def too_few(root: Path) -> None:
    touch_classes(root, "a", "b", n=2)


def one_class(root: Path) -> None:
    touch_classes(root, "a")


def unclear_parts(root: Path) -> None:
    touch_classes(root / "train", "a", "b")
    touch_classes(root / "eval", "a", "b")


def nothing(root: Path) -> None:
    pass


@pytest.mark.parametrize("make", [too_few, one_class, unclear_parts, nothing])
def test_the_check_says_what_the_loader_says(tmp_path: Path, make: Callable[[Path], None]) -> None:
    name = f"folder:{tmp_path / 'images'}"
    make(tmp_path / "images")
    errors = []
    for refuse in (check_dataset, load_dataset):
        with pytest.raises((ValueError, OSError)) as caught:
            refuse(name)
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


def test_the_check_opens_no_image(tmp_path: Path) -> None:
    touch_classes(tmp_path, "a", "b")
    check_dataset(f"folder:{tmp_path}")
    with pytest.raises(ValueError, match="cannot read the image"):
        load_dataset(f"folder:{tmp_path}")


def test_a_small_collection_takes_the_lessons_subset_size(tmp_path: Path) -> None:
    write_images(tmp_path, n=70)
    assert sizes(f"folder:{tmp_path}", subset_size=1000) == sizes(f"folder:{tmp_path}") == [134, 34, 42]
    assert sizes(f"folder:{tmp_path}", subset_size=30) == [30, 34, 42]


def test_only_the_images_of_a_subset_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part, n in (("train", 50), ("val", 3), ("test", 3)):
        write_images(tmp_path / part, n=n)
    read_files = []
    read_image = image_files._read_image
    monkeypatch.setattr(
        image_files, "_read_image", lambda file, size: read_files.append(file) or read_image(file, size)
    )
    load_dataset(f"folder:{tmp_path}", subset_size=12)
    assert len(read_files) == 12 + 9 + 9
