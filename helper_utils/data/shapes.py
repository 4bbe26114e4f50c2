"""Pictures of shapes and textures, drawn by the program in any size and number.

Each picture shows one object of one of ten classes on a shaded background, with clutter behind it, a bar or a spot in
front of it, and noise. Place, size, proportions, rotation, colours, contrast and noise vary at random. A shape is given
by a signed distance (how far a point is from the outline, negative inside), which gives smooth edges in any size; see
https://iquilezles.org/articles/distfunctions2d/.
"""

from collections.abc import Callable, Sequence

import numpy as np

DEFAULT_IMAGE_SIZE = 32
CHUNK = 64
"""Images drawn at once: few enough that their arrays stay in the processor's cache."""


# Signed distances in the object's own coordinates, in which it reaches from about -1 to 1.


def _circle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sqrt(x * x + y * y) - 0.84


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(x), np.abs(y)) - 0.75


def _triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(x) * 0.866 + y * 0.5, -y) - 0.52


def _star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    # All ten half edges are folded onto one, which runs from a point at angle 0 to a notch at angle pi / 5.
    tenth = np.pi / 5
    angle = np.abs(np.mod(np.arctan2(y, x), 2 * tenth) - tenth)
    return np.sqrt(x * x + y * y) * np.cos(tenth - angle - 1.18) - 0.4


def _cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = np.abs(x), np.abs(y)
    return np.maximum(np.minimum(x, y) - 0.27, np.maximum(x, y) - 0.9)


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(np.sqrt(x * x + y * y) - 0.68) - 0.2


def _crescent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    moved = x - 0.45
    return np.maximum(np.sqrt(x * x + y * y) - 0.9, 0.72 - np.sqrt(moved * moved + y * y))


def _patch(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Between a circle and a square: the outline of everything that carries a texture."""
    x, y = x * x, y * y
    return np.sqrt(np.sqrt(x * x + y * y)) - 0.86


# Textures: positive where the second colour is, in units of length near the border between the two colours.


def _stripes(x: np.ndarray, y: np.ndarray) -> np.ndarray:  # noqa: ARG001 - all textures have the same arguments
    return np.abs(np.mod(x, 1) - 0.5) - 0.25


def _checkerboard(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = (np.abs(np.mod(0.7 * along, 1) - 0.5) - 0.25 for along in (x, y))
    return np.sign(x * y) * np.minimum(np.abs(x), np.abs(y))


def _dots(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = np.mod(0.85 * x, 1) - 0.5, np.mod(0.85 * y, 1) - 0.5
    return 0.3 - np.sqrt(x * x + y * y)


Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]

CLASSES: dict[str, tuple[Distance, Distance | None]] = {
    "circle": (_circle, None),
    "square": (_square, None),
    "triangle": (_triangle, None),
    "star": (_star, None),
    "cross": (_cross, None),
    "ring": (_ring, None),
    "crescent": (_crescent, None),
    "stripes": (_patch, _stripes),
    "checkerboard": (_patch, _checkerboard),
    "dots": (_patch, _dots),
}
"""The outline and the texture of each class."""

CLASS_NAMES = tuple(CLASSES)


def make_shapes(n: int, *, image_size: int = DEFAULT_IMAGE_SIZE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw pictures of shapes and textures, as many of each class as possible.

    Args:
        n: The number of pictures.
        image_size: Height and width in pixels.
        seed: The same seed gives the same pictures.

    Returns:
        Images of shape (n, image_size, image_size, 3), uint8, and labels of shape (n,), int64: positions in
        `CLASS_NAMES`, in random order.

    Raises:
        ValueError: If `n` is below 1 or `image_size` below 8.
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected 1 picture or more")
    if image_size < 8:
        raise ValueError(f"image_size is {image_size}; expected 8 pixels or more")
    n_classes = len(CLASSES)
    counts = np.array([(n + label) // n_classes for label in reversed(range(n_classes))])
    images, labels, _ = draw(counts, image_size, seed)
    return images, labels


def draw(counts: np.ndarray, image_size: int, seed: int | Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw `counts[label]` pictures of each class; see `make_shapes`.

    Returns:
        Images and labels as `make_shapes` returns them, and the masks of the objects, bool, of shape
        (n, image_size, image_size): the pixels whose centre lies inside the object's outline, also where the bar in
        front covers it.
    """
    rng = np.random.default_rng(seed)
    places = rng.permutation(counts.sum())
    images = np.empty((len(places), image_size, image_size, 3), np.uint8)
    labels = np.empty(len(places), np.int64)
    masks = np.empty((len(places), image_size, image_size), bool)
    done = 0
    for label, (count, (outline, texture)) in enumerate(zip(counts, CLASSES.values(), strict=True)):
        labels[places[done : done + count]] = label
        for start in range(0, count, CHUNK):
            chunk = places[done + start : done + min(start + CHUNK, count)]
            images[chunk], masks[chunk] = _draw_chunk(len(chunk), outline, texture, image_size, rng)
        done += count
    return images, labels, masks


class _Canvas:
    """A pile of n pictures that are drawn together.

    Attributes:
        pixels: Shape (n, 3, size * size).
        x, y: Pixel centres, from -1 to 1 across the picture, shape (size * size,).
        pixel: The width of a pixel in these coordinates.
    """

    def __init__(self, n: int, size: int, rng: np.random.Generator) -> None:
        across = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
        self.y, self.x = (axis.ravel() for axis in np.meshgrid(across, across, indexing="ij"))
        self.pixel = np.float32(2 / size)
        self.pixels = np.zeros((n, 3, size * size), np.float32)
        self.rng = rng

    def uniform(self, low: float, high: float) -> np.ndarray:
        """One random number for each picture, shape (n, 1)."""
        return self.rng.uniform(low, high, (len(self.pixels), 1)).astype(np.float32)

    def paint(self, distance: np.ndarray, colour: np.ndarray) -> None:
        """Cover what is inside an outline; `distance` has the shape (n, pixels), `colour` (n, 3, pixels or 1)."""
        cover = np.clip(0.5 - distance / self.pixel, 0, 1)
        self.pixels += cover[:, None] * (colour - self.pixels)

    def paint_bar(self, hue: np.ndarray, max_length: float, max_width: float) -> None:
        """Paint a bar with round ends, which may be as short as a spot, at a random place."""
        colour = _rgb(hue + self.uniform(-0.5, 0.5), self.uniform(0.1, 0.6), self.uniform(0.2, 0.95))
        angle = self.uniform(0, np.pi)
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = self.x - self.uniform(-1, 1), self.y - self.uniform(-1, 1)
        beyond = np.maximum(np.abs(cos * x + sin * y) - self.uniform(0, max_length), 0)
        aside = cos * y - sin * x
        distance = np.sqrt(beyond * beyond + aside * aside) - self.uniform(0.03, max_width)
        self.paint(distance, colour[:, :, None])


def _draw_chunk(
    n: int, outline: Distance, texture: Distance | None, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw n pictures of one class, shape (n, size, size, 3), uint8; and their masks, shape (n, size, size), bool."""
    canvas = _Canvas(n, size, rng)
    uniform = canvas.uniform

    # Colours, shape (n, 3). Dark on light or light on dark; the hues differ by about a third of the circle or more.
    light = uniform(0, 1) < 0.5
    hue = uniform(0, 1)
    back = _rgb(hue, uniform(0.05, 0.4), np.where(light, uniform(0.72, 0.98), uniform(0.12, 0.42)))
    back_2 = _rgb(hue + uniform(-0.12, 0.12), uniform(0.1, 0.6), np.where(light, uniform(0.6, 1), uniform(0.08, 0.5)))
    hue = hue + uniform(0.3, 0.7)
    front = _rgb(hue, uniform(0.5, 0.95), np.where(light, uniform(0.3, 0.72), uniform(0.65, 1)))
    front_2 = _rgb(hue + uniform(-0.15, 0.15), uniform(0.3, 0.9), np.where(light, uniform(0.15, 0.7), uniform(0.5, 1)))

    # The background: a gradient in a random direction.
    angle = uniform(0, 2 * np.pi)
    along = 0.5 + 0.35 * (np.cos(angle) * canvas.x + np.sin(angle) * canvas.y)
    canvas.pixels[:] = _blend(back, back_2, along)
    for _ in range(2):
        canvas.paint_bar(hue, max_length=0.6, max_width=0.16)

    # The object: moved, turned, squeezed.
    radius = uniform(0.48, 0.8) if texture is None else uniform(0.5, 0.85)
    angle = uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle) / radius, np.sin(angle) / radius
    squeeze = uniform(0.85, 1.18)
    x, y = canvas.x - uniform(-0.25, 0.25), canvas.y - uniform(-0.25, 0.25)
    x, y = (cos * x + sin * y) * squeeze, (cos * y - sin * x) / squeeze
    if texture is None:
        mix = np.clip(0.5 + 0.5 * x, 0, 1)
    else:
        period = uniform(0.32, 0.5)
        texture_x, texture_y = x * radius / period + uniform(0, 1), y * radius / period + uniform(0, 1)
        mix = np.clip(0.5 + texture(texture_x, texture_y) * period / canvas.pixel, 0, 1)
        front_2 = np.where(uniform(0, 1) < 0.5, back, np.where(light, 1 - 0.1 * front, 0.2 * front))
    distance = outline(x, y) * radius
    canvas.paint(distance, _blend(front, front_2, mix))

    canvas.paint_bar(uniform(0, 1), max_length=0.3, max_width=0.08)
    canvas.pixels += uniform(0.01, 0.05)[:, :, None] * rng.standard_normal(canvas.pixels.shape, np.float32)
    pictures = np.clip(canvas.pixels * 255, 0, 255).astype(np.uint8)
    return pictures.reshape(n, 3, size, size).transpose(0, 2, 3, 1), (distance < 0).reshape(n, size, size)


def _blend(colour: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Mix two colours of shape (n, 3) by the share of the other at each pixel, shape (n, pixels)."""
    return colour[:, :, None] + (other - colour)[:, :, None] * share[:, None]


def _rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Convert colours of shape (n, 1) each to red, green and blue in [0, 1], shape (n, 3)."""
    pure = np.clip(np.abs(np.mod(hue * 6 + np.array([0, 4, 2], np.float32), 6) - 3) - 1, 0, 1)
    return value * (1 - saturation + saturation * pure)
