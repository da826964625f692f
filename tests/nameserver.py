"""A name server on loopback that knows a few TXT records, and nothing else in the world."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from mailer import dkim_record

#: As SERVFAIL among the answers: the server knows the name and does not get to its records.
BROKEN = ("SERVFAIL",)


class Nameserver(socketserver.ThreadingUDPServer):
    """Answers for `records`: texts by name; a name with no text exists and has none."""

    daemon_threads = True

    def __init__(self, records: Mapping[str, Sequence[str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Question)
        self.records = dict(records)
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        texts = self.records.get(name)
        if texts is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif texts is BROKEN:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif question.rdtype == dns.rdatatype.TXT and texts:
            quoted = [" ".join(f'"{part}"' for part in dkim_record.strings(text)) for text in texts]
            answer.answer.append(dns.rrset.from_text(question.name, 60, dns.rdataclass.IN, dns.rdatatype.TXT, *quoted))
        return answer


class _Question(socketserver.BaseRequestHandler):
    server: Nameserver

    def handle(self) -> None:
        data, sock = self.request
        answer: Any = self.server.answer(dns.message.from_wire(data))
        sock.sendto(answer.to_wire(max_size=4096), self.client_address)


@contextmanager
def a_nameserver(records: Mapping[str, Sequence[str]]) -> Iterator[Nameserver]:
    with Nameserver(records) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
