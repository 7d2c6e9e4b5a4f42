"""Records in a file: framed, each with a checksum, behind a header. Journals and recordings are so.

    header   magic 8 bytes, version u32, CRC-32 of those twelve bytes
    frame    length u32 of the payload, CRC-32, kind u8, payload

All numbers are little-endian. A frame's CRC begins with length and kind in place of 0, so that a
bit flipped there is seen as in the payload, and with a salt, so that zeros are no frame.
"""

import struct
from typing import Final
from zlib import crc32

_VERSION: Final = struct.Struct("<I")
_FRAME: Final = struct.Struct("<IIB")
_SALT: Final = 0x6A6E6C21
HEADER_BYTES: Final = 16
FRAME_BYTES: Final = _FRAME.size


class FramingError(Exception):
    """A header is not what it must be: ``offset`` says where, the text what was found."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(text)
        self.offset = offset


def make_header(magic: bytes, version: int) -> bytes:
    """Make the first bytes of a file."""
    head = magic + _VERSION.pack(version)
    return head + _VERSION.pack(crc32(head))


def check_header(data: bytes, magic: bytes, version: int, name: str) -> int:
    """Where frames begin; 0 where the header itself is torn.

    Args:
        name: What the file should be, for the error.

    Raises:
        FramingError: The header is another's, damaged, or of another version.
    """
    if len(data) < HEADER_BYTES:
        if make_header(magic, version).startswith(data):
            return 0
        raise FramingError(f"not a {name}: begins with {data[:8]!r}, expected {magic!r}", 0)
    if not data.startswith(magic):
        raise FramingError(f"not a {name}: begins with {data[:8]!r}, expected {magic!r}", 0)
    found, crc = _VERSION.unpack_from(data, 8)[0], _VERSION.unpack_from(data, 12)[0]
    if crc != crc32(data[:12]):
        raise FramingError("the header is damaged: its checksum differs", 8)
    if found != version:
        raise FramingError(f"version must be {version}, was {found}", 8)
    return HEADER_BYTES


def frame_head(kind: int, *parts: bytes | memoryview) -> bytes:
    """Make what stands before a payload that comes in parts."""
    size = sum(len(part) for part in parts)
    crc = _seed(size, kind)
    for part in parts:
        crc = crc32(part, crc)
    return _FRAME.pack(size, crc, kind)


def make_frame(kind: int, payload: bytes) -> bytes:
    """Frame a payload."""
    size = len(payload)
    return _FRAME.pack(size, crc32(payload, size ^ kind << 24 ^ _SALT), kind) + payload


def measure(data: bytes | memoryview, offset: int) -> tuple[int, str]:
    """End of the frame that begins here, and what is wrong with it, "" where it is whole."""
    if len(data) - offset < FRAME_BYTES:
        return offset, "frame torn"
    size, crc, kind = _FRAME.unpack_from(data, offset)
    end = offset + FRAME_BYTES + size
    if end > len(data):
        return offset, "frame torn"
    if crc32(data[offset + FRAME_BYTES : end], _seed(size, kind)) != crc:
        return end, "checksum differs"
    return end, ""


def _seed(size: int, kind: int) -> int:
    return size ^ kind << 24 ^ _SALT
