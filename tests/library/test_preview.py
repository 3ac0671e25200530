"""Pictures of LoRAs: which one, what may be shown, how it gets small."""

from __future__ import annotations

import base64
import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live_lora.errors import FileError
from live_lora.library import preview
from live_lora.library.catalog import Catalog
from live_lora.library.lora_file import LoraFile
from live_lora.library.preview import Picture
from PIL import Image

from .files import lora


def encoded(size: tuple[int, int] = (8, 8), kind: str = "PNG", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind)
    return out.getvalue()


def entry(root: Path, **metadata: str) -> LoraFile:
    lora(root / "x.safetensors", **metadata)
    catalog = Catalog([root])
    catalog.read_all()
    return catalog.find("x")


def shown(root: Path, **metadata: str) -> Picture:
    return preview.read(entry(root, **metadata), [root])


ORDER = ("x.png", "x.preview.png", "x.jpg", "x.preview.jpg", "x.webp", "x.gif")


def test_the_first_picture_in_the_webuis_order_is_shown(tmp_path: Path) -> None:
    for width, name in enumerate(reversed(ORDER), start=1):
        (tmp_path / name).write_bytes(encoded((width, 1)))
        assert Image.open(io.BytesIO(shown(tmp_path).content)).width == width


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_the_bytes_say_what_a_picture_is(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.png").write_bytes(encoded(kind=kind))
    assert shown(tmp_path).media_type == f"image/{kind.lower()}"


def test_avif_is_known_by_its_brand() -> None:
    assert preview.media_type(b"\0\0\0\x20ftypavif") == "image/avif"
    assert preview.media_type(b"<svg xmlns='http://www.w3.org/2000/svg'>") is None
    assert preview.media_type(b"") is None


def test_a_cover_in_the_metadata_is_shown_where_no_file_is(tmp_path: Path) -> None:
    cover = base64.b64encode(encoded((5, 5))).decode()
    metadata = {"ssmd_cover_images": json.dumps([cover])}
    assert Image.open(io.BytesIO(shown(tmp_path, **metadata).content)).size == (5, 5)
    assert preview.version(entry(tmp_path, **metadata))
    (tmp_path / "x.webp").write_bytes(encoded((6, 6), "WEBP"))
    assert Image.open(io.BytesIO(shown(tmp_path, **metadata).content)).size == (6, 6)


@pytest.mark.parametrize("cover", ["[]", "{}", "[5]", '["%%%"]', '["PHN2Zz4="]', "[" * 9999, "x"])
def test_a_cover_that_is_none_is_not_shown(tmp_path: Path, cover: str) -> None:
    with pytest.raises(FileError, match="no picture that can be shown"):
        shown(tmp_path, ssmd_cover_images=cover)


def test_no_picture_has_no_version(tmp_path: Path) -> None:
    assert preview.version(entry(tmp_path)) is None
    with pytest.raises(FileError, match="no picture"):
        shown(tmp_path)


def test_a_picture_removed_since_the_scan(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(encoded())
    found = entry(tmp_path)
    (tmp_path / "x.png").unlink()
    with pytest.raises(FileError, match="is gone"):
        preview.read(found, [tmp_path])


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGBA", "PNG"), ("P", "GIF"), ("L", "JPEG"), ("1", "PNG")]
)
def test_every_kind_of_picture_gets_small(mode: str, kind: str) -> None:
    small = preview.thumbnail(Picture(encoded((1000, 500), kind, mode), ""))
    assert small.media_type == "image/webp"
    assert Image.open(io.BytesIO(small.content)).size == (384, 192)


def test_a_thumbnail_stands_upright_and_says_nothing_of_the_camera() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"  # turned by 90 degrees
    out = io.BytesIO()
    Image.new("RGB", (40, 20)).save(out, "JPEG", exif=exif)
    small = Image.open(io.BytesIO(preview.thumbnail(Picture(out.getvalue(), "")).content))
    assert small.size == (20, 40)
    assert not small.getexif()


def test_a_picture_pillow_cannot_read_is_left_to_the_browser() -> None:
    damaged = Picture(encoded((99, 99))[:60], "image/png")
    assert preview.thumbnail(damaged) is damaged


def test_without_pillow_the_picture_itself_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    picture = Picture(b"anything", "image/png")
    assert preview.thumbnail(picture) is picture


def test_a_picture_that_would_fill_the_memory_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.png").write_bytes(encoded((100, 100)))
    found = entry(tmp_path)
    monkeypatch.setattr(preview, "MOST_DECODED", 100 * 100 * 3 - 1)
    with pytest.raises(FileError, match="too many pixels"):
        preview.cached_thumbnail(found, [tmp_path], None)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow's own limit is twice that
    with pytest.raises(FileError, match="too many pixels"):
        preview.cached_thumbnail(found, [tmp_path], None)


def test_a_picture_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.png").write_bytes(encoded())
    monkeypatch.setattr(preview, "LARGEST", 20)
    with pytest.raises(FileError, match="larger than 20 bytes"):
        shown(tmp_path)


def test_a_damaged_thumbnail_in_the_cache_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(encoded())
    found, cache = entry(tmp_path), tmp_path / "cache"
    first = preview.cached_thumbnail(found, [tmp_path], cache)
    (kept,) = (cache / "thumbnails").iterdir()
    kept.write_bytes(b"")
    assert preview.cached_thumbnail(found, [tmp_path], cache) == first
    assert kept.read_bytes() == first.content


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(encoded())
    (tmp_path / "cache").touch()
    small = preview.cached_thumbnail(entry(tmp_path), [tmp_path], tmp_path / "cache")
    assert small.media_type == "image/webp"


def test_pictures_are_decoded_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty cards in sight must not decode forty large pictures at once."""
    at_once: list[int] = []
    running = 0
    shrunk = preview._shrunk

    def counted(image: Image.Image) -> bytes:
        nonlocal running
        running += 1
        at_once.append(running)
        time.sleep(0.01)
        running -= 1
        return shrunk(image)

    monkeypatch.setattr(preview, "_shrunk", counted)
    picture = preview.Picture(encoded((50, 50)), "image/png")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(preview.thumbnail, [picture] * 16))
    assert {one.media_type for one in made} == {"image/webp"}
    assert at_once == [1] * 16
