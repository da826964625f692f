"""Undoing Content-Encoding within a bound: a gzip bomb is stopped at the cap, not after it has been unpacked.

HTTP libraries decompress each chunk as a whole, and one 64 KB chunk of a bomb unpacks to 66 MB.
"""

from __future__ import annotations

import zlib

_GZIP, _ZLIB, _RAW_DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class UnpackError(Exception):
    """The body cannot be unpacked. The text continues a sentence that begins with the server's name."""


class TooLargeError(UnpackError):
    """The body is larger than we take."""


class Unpacker:
    """Collects a body chunk by chunk; raises as soon as it is too large or turns out broken."""

    def __init__(self, encoding: str, *, max_bytes: int) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise UnpackError(f"answered in an encoding we did not ask for ({self._encoding[:40]}).")
        self._max_bytes = max_bytes
        self._body = bytearray()
        self._stream: zlib._Decompress | None = None

    def feed(self, chunk: bytes) -> None:
        """Take what came over the wire."""
        if self._encoding in ("", "identity"):
            self._keep(chunk)
            return
        while chunk:
            if self._stream is None:
                self._stream = zlib.decompressobj(self._window(chunk))
            room = self._max_bytes - len(self._body) + 1
            try:
                self._keep(self._stream.decompress(chunk, room))
            except zlib.error as problem:
                raise UnpackError(f"sent a compressed body that is broken ({problem}).") from problem
            chunk = self._stream.unconsumed_tail or self._stream.unused_data
            if self._stream.eof:
                self._stream = None  # a gzip body may have several members (RFC 1952 2.2)

    def finish(self) -> bytes:
        """The whole body."""
        if self._stream is not None:
            raise UnpackError("sent a compressed body that ends too early.")
        return bytes(self._body)

    def _window(self, start: bytes) -> int:
        if self._encoding != "deflate":
            return _GZIP
        # "deflate" means zlib (RFC 9110 8.4.1.2), yet some servers send it raw.
        return _ZLIB if start[0] & 0x0F == 8 else _RAW_DEFLATE

    def _keep(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > self._max_bytes:
            raise TooLargeError(f"sent more than {self._max_bytes / 1_048_576:g} MiB.")
