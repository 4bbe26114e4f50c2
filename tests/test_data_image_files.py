"""Images in files: every readable picture becomes an upright RGB square, anything else a clear message."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helper_utils.data.image_files import ImageFiles


def read(*paths: Path, image_size: int | None = None) -> np.ndarray:
    return ImageFiles(np.array(paths), np.zeros(len(paths), np.int64)).read(image_size)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_images_are_cut_to_a_square_and_resized(tmp_path: Path) -> None:
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, 25:75] = 200  # the central square is bright, the sides are black
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    images = read(tmp_path / "wide.png", image_size=16)
    assert images.shape == (1, 16, 16, 3)
    assert (images == 200).all()


def test_images_of_the_right_size_are_read_unchanged_and_in_order(tmp_path: Path) -> None:
    pixels = noise(2, 32, 32, 3)
    paths = [tmp_path / "b.png", tmp_path / "a.png"]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    assert np.array_equal(read(*paths), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK"])
def test_every_kind_of_image_becomes_rgb(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (32, 32)).save(tmp_path / "image.tif")
    assert read(tmp_path / "image.tif").shape == (1, 32, 32, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(noise(32, 32, 3)).save(tmp_path / "photo.png", exif=exif)
    with Image.open(tmp_path / "photo.png") as photo:
        expected = np.asarray(ImageOps.exif_transpose(photo))
    assert np.array_equal(read(tmp_path / "photo.png")[0], expected)
    assert np.array_equal(expected, noise(32, 32, 3)) == (orientation == 1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0no TIFF header", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0"],
)
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_an_image_with_damaged_exif_is_taken_as_it_is(tmp_path: Path, exif: bytes, suffix: str) -> None:
    path = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (32, 32), (200, 0, 0)).save(path, exif=exif)
    assert np.abs(read(path)[0].astype(int) - (200, 0, 0)).max() < 5


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L"])
def test_transparent_pictures_are_laid_on_white(tmp_path: Path, mode: str) -> None:
    """A black disc on a transparent ground, whose transparent pixels are black as well."""
    image = Image.new("LA", (32, 32))
    ImageDraw.Draw(image).ellipse((8, 8, 24, 24), fill=(0, 255))
    path = tmp_path / "disc.png"
    if mode in ("P", "L"):  # one grey level stands for transparent
        grey = image.getchannel("A").point(lambda alpha: 0 if alpha else 7)
        grey.convert(mode).save(path, transparency=grey.convert(mode).getpixel((0, 0)))
    else:
        image.convert("RGBA").convert(mode).save(path)
    pixels = read(path)[0]
    assert (pixels[16, 16] == 0).all()
    assert (pixels[0, 0] == 255).all()


def test_half_transparent_pixels_are_mixed_with_white(tmp_path: Path) -> None:
    Image.new("RGBA", (32, 32), (0, 0, 200, 102)).save(tmp_path / "glass.png")
    assert read(tmp_path / "glass.png")[0, 0, 0].tolist() == [153, 153, 233]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_truncated_image(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"broken.{suffix}"
    Image.fromarray(noise(32, 32, 3)).save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"cannot read the image .*broken\.{suffix}.*Replace or remove it"):
        read(file)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_a_file_that_is_no_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read the image .*broken\.png"):
        read(tmp_path / "broken.png")


def test_more_than_8_bits_a_colour(tmp_path: Path) -> None:
    Image.new("I;16", (32, 32)).save(tmp_path / "x-ray.png")
    with pytest.raises(ValueError, match=r"x-ray\.png: its pixels have more than 8 bits \(mode I;16\)"):
        read(tmp_path / "x-ray.png")
