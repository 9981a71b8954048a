"""The bytes of a PNG or JPEG as pixels: a small, whole, plain picture, or an error.

Promises that what is decoded is one picture of bounded size, whatever a file claims, and that
colours never depend on a guess: 8-bit grey and RGB are read, while palettes, CMYK, 16 bits and
transparency are refused, since there is more than one way to read them. EXIF is not looked at, its
orientation included: pixels come as they are stored. An error never quotes a file.
"""

import struct
import warnings
import zlib
from io import BytesIO
from typing import Final

from PIL import Image, ImageFile

from securefed.errors import DataUnreadable

MOST_PIXELS: Final = 40_000_000
_FORMATS: Final = ("PNG", "JPEG")
_MODES: Final = ("L", "RGB")
# What Pillow raises for files that are not what they should be.
_PILLOW_ERRORS: Final = (
    *(OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, OverflowError),
    *(struct.error, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning),
)


def decoded_image(content: bytes, where: str) -> Image.Image:
    """The picture. `where` says of which record it is."""
    try:
        with warnings.catch_warnings():
            # Whatever else Pillow remarks on is about parts of a file that are not read.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # A library in the same process may have allowed half pictures; WeasyPrint does.
            ImageFile.LOAD_TRUNCATED_IMAGES = False
            image = Image.open(BytesIO(content), formats=_FORMATS)
            _check_claims(image, where)
            image.load()
            return image
    except _PILLOW_ERRORS:
        raise DataUnreadable(
            f"Expected a whole {' or '.join(_FORMATS)} image of at most {MOST_PIXELS:,} pixels",
            where=where,
        ) from None


def _check_claims(image: Image.Image, where: str) -> None:
    """What the file says of itself, before any of its pixels are read."""
    if image.width * image.height > MOST_PIXELS:
        raise DataUnreadable(f"Expected at most {MOST_PIXELS:,} pixels", where=where)
    if image.format not in _FORMATS or getattr(image, "n_frames", 1) != 1:
        raise DataUnreadable("Expected a file with one picture", where=where)
    if image.mode not in _MODES or "transparency" in image.info:
        raise DataUnreadable(
            "Expected 8-bit grey or RGB, without palette and transparency",
            where=where,
            hint="Convert the images once, in the way that is right for them, and make the index "
            "again.",
        )
