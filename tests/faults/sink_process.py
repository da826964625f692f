"""A mail server in a process of its own that accepts everything: `python -m tests.faults.sink_process`.

It says its port, then a line for each recipient that begins with `new-`: the address, and when its message was accepted.
"""

from __future__ import annotations

import asyncio
import sys

from broadsheet import clock

_GOES_ON = {b"EHLO": b"250-mx.test\r\n250 ENHANCEDSTATUSCODES\r\n", b"DATA": b"354 Go on\r\n"}


def say(line: str) -> None:
    """To whoever started this process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    recipient = b""
    writer.write(b"220 mx.test ESMTP\r\n")
    try:
        while line := await reader.readline():
            verb = line[:4].upper()
            writer.write(_GOES_ON.get(verb, b"250 2.0.0 Ok\r\n"))
            if verb == b"RCPT":
                recipient = line.split(b"<")[1].split(b">")[0]
            if verb == b"QUIT":
                break
            if verb == b"DATA":
                await reader.readuntil(b"\r\n.\r\n")
                if recipient.startswith(b"new-"):
                    say(f"{recipient.decode()} {clock.now().isoformat()}")
                writer.write(b"250 2.0.0 Ok: queued as 4XkZ1s3Nqb\r\n")
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    say(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
