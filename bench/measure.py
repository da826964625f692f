"""The measurements: each sends to a sink of its own and notes a figure; a round is one of each, in turn."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import digest, postfix, town
from bench.conf import Orders
from bench.goals import Goal
from bench.postfix import PostfixSink
from bench.sink import Manners, Sink, build
from broadsheet.cores import WORKERS

HERE = Path(__file__).parent
ROOT = HERE.parent
#: A process that sends imports this first (broadsheet.sender).
LEAN = "from broadsheet import lean; from bench import worker; worker.main()"
#: How much slower than us a peer may be before a round of it would take minutes: it sends fewer.
_SLOWER = {"django": 20, "nodemailer": 15, "premailer": 200, "aiosmtplib": 2}


class Bench:
    """All that one run needs, and the figures of its rounds."""

    def __init__(self, folder: Path, *, messages: int, many: int = 100_000) -> None:
        self.folder = folder
        self.messages = messages
        self.many = many  # readers of the town in which memory is looked at
        self.rounds: dict[str, list[float]] = defaultdict(list)
        self.sizes: dict[str, int] = {}  # bytes of a message
        self.notes: list[str] = []
        self._steps: list[Callable[[], None]] = []

    def prepare(self, wanted: Sequence[Goal]) -> None:
        """Build the sink, found the town, and plan the steps. Raises NoCompilerError."""
        self._program = build(self.folder)
        names = {name for goal in wanted for name in (goal.over, goal.under) if name is not None}
        self._page = self.folder / "digest.html"
        self._page.write_text(digest.page(), encoding="utf-8")
        self._town = self.folder / "town"
        self._found(self._town, self.messages)
        self._steps = [step for words, step in self._all_steps().items() if words & names]

    def round(self) -> None:
        """One of each."""
        for step in self._steps:
            step()

    def _all_steps(self) -> dict[frozenset[str], Callable[[], None]]:
        """What each step measures, and the step."""

        def named(*names: str) -> frozenset[str]:
            return frozenset(names)

        return {
            named("smtp-source", "smtp-source, smtp-sink"): self._smtp_source,
            named("ours", "ours, us a message", "ours, MB"): lambda: self._ours("ours", Manners()),
            named("ours, signed ahead"): self._signed_ahead,
            named("ours, no ledger"): self._bare,
            named("ours, smtp-sink"): self._ours_to_postfix,
            named("ours, 5 % refused"): lambda: self._ours("ours, 5 % refused", Manners(refuse_percent=5)),
            named("ours, 1 % dropped"): lambda: self._ours("ours, 1 % dropped", Manners(drop_percent=1)),
            named("ours, 20 ms, pipelining"): lambda: self._ours(
                "ours, 20 ms, pipelining", Manners(delay_ms=20, chunking=False)
            ),
            named("ours, 20 ms, chunking"): lambda: self._ours("ours, 20 ms, chunking", Manners(delay_ms=20)),
            named("ours, MB, many", "ours, MB, few"): self._memory,
            named("ours, one signs", "ours, two sign", "openssl rsa2048"): self._signing,
            named("aiosmtplib", "aiosmtplib, us a message"): lambda: self._python_peer("aiosmtplib", Manners()),
            named("aiosmtplib, 20 ms"): lambda: self._python_peer(
                "aiosmtplib", Manners(delay_ms=20), note="aiosmtplib, 20 ms"
            ),
            named("django"): lambda: self._python_peer("django", Manners()),
            named("premailer"): lambda: self._python_peer("premailer", Manners()),
            named("nodemailer"): lambda: self._nodemailer("nodemailer", None),
            named("nodemailer, dkim"): lambda: self._nodemailer("nodemailer, dkim", self._key()),
            named("first message, s"): self._slot,
            named("bounces a second"): self._returns,
        }

    # --- ours -------------------------------------------------------------------------------------------------------
    def _found(
        self, folder: Path, readers: int, *, sentences: int = 3, ahead: bool = False, is_published: bool = True
    ) -> None:
        if folder.is_dir():
            return
        folder.mkdir()
        sys.stderr.write(f"a town with {readers:,} readers\n")
        url = f"sqlite:///{folder}/town.sqlite3"
        town.found(
            folder, url, readers=readers, sentences=sentences, with_key=True, ahead=ahead, is_published=is_published
        )

    def _signed_ahead(self) -> None:
        town_ahead = self.folder / "town-ahead"
        self._found(town_ahead, self.messages, ahead=True)
        self._ours("ours, signed ahead", Manners(), signs="ours", town_of=town_ahead)

    def _slot(self) -> None:
        town_before = self.folder / "town-before"
        self._found(town_before, self.messages, ahead=True, is_published=False)
        with Sink(self._program, Manners()) as sink:
            self.rounds["first message, s"].append(self._at(town_before, "bench.slot", sink.port, "ours")["seconds"])

    def _returns(self) -> None:
        figures = self._at(self._town, "bench.returns", 25, "relay")
        self.rounds["bounces a second"].append(figures["read"])
        self.rounds["bounces a second, written down"].append(figures["applied"])

    def _at(self, source: Path, module: str, port: int, signs: str) -> dict[str, Any]:
        """A program works in a copy of a town."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy)
        orders = Orders(folder=str(copy), url=f"sqlite:///{copy}/town.sqlite3", port=port, signs=signs)
        return self._run([sys.executable, "-m", module], asdict(orders))

    def _bare(self) -> None:
        with Sink(self._program, Manners()) as sink:
            orders = Orders(folder=str(self._town), url=f"sqlite:///{self._town}/town.sqlite3", port=sink.port)
            figures = self._run([sys.executable, "-m", "bench.bare"], asdict(orders))
            self._check("ours, no ledger", sink, self.messages)
        self.rounds["ours, no ledger"].append(self.messages / figures["seconds"])

    def _ours(
        self,
        name: str,
        manners: Manners,
        *,
        signs: str = "relay",
        signing_processes: int = WORKERS,
        town_of: Path | None = None,
    ) -> None:
        with Sink(self._program, manners) as sink:
            figures = self._send(town_of or self._town, sink.port, signs, signing_processes)
            count = sink.count()
        accepted = figures["states"].get("accepted", 0)
        # A message that was accepted on a connection that then broke is in doubt and comes twice: never less than said.
        if count.accepted < accepted or (manners.drop_percent == 0 and count.accepted != accepted) or figures["broken"]:
            raise AssertionError(f"{name}: the sink accepted {count.accepted}, the ledger says {figures['states']}")
        # What a broken connection gave back rests for some seconds.
        if figures["states"].get("ready", 0) > 5 * count.dropped:
            raise AssertionError(f"{name}: the worker left {figures['states']}")
        handled = sum(number for state, number in figures["states"].items() if state not in {"ready", "deferred"})
        self.rounds[name].append(handled / figures["seconds"])
        self.sizes[name] = count.bytes // max(1, count.accepted)
        if name == "ours":
            self.rounds["ours, us a message"].append(figures["processor_seconds"] / handled * 1e6)
            self.rounds["ours, MB"].append(figures["megabytes"])

    def _send(self, source: Path, port: int, signs: str = "relay", signing_processes: int = WORKERS) -> dict[str, Any]:
        """A worker sends a copy of a town's issue."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy)
        orders = Orders(
            folder=str(copy),
            url=f"sqlite:///{copy}/town.sqlite3",
            port=port,
            signs=signs,
            signing_processes=signing_processes,
        )
        return self._run([sys.executable, "-c", LEAN], asdict(orders))

    def _ours_to_postfix(self) -> None:
        sink_program = postfix.program("smtp-sink")
        if sink_program is None:
            return self._left_out(postfix.MISSING)
        town_ahead = self.folder / "town-ahead"
        self._found(town_ahead, self.messages, ahead=True)
        with PostfixSink(sink_program) as sink:
            figures = self._send(town_ahead, sink.port, "ours")
        # This sink counts nothing: the ledger's word stands alone.
        if figures["states"] != {"accepted": self.messages} or figures["broken"]:
            raise AssertionError(f"smtp-sink: the worker left {figures['states']}")
        self.rounds["ours, smtp-sink"].append(self.messages / figures["seconds"])
        return None

    def _memory(self) -> None:
        if self.rounds["ours, MB, many"]:
            return  # once is enough: memory is no noisy figure
        for name, readers in (("ours, MB, few", 10_000), ("ours, MB, many", self.many)):
            folder = self.folder / f"town-{readers}"
            self._found(folder, readers)
            with Sink(self._program, Manners()) as sink:
                self.rounds[name].append(self._send(folder, sink.port)["megabytes"])
            shutil.rmtree(folder)

    def _signing(self) -> None:
        for name, processes in (("ours, one signs", 1), ("ours, two sign", 2)):
            self._ours(name, Manners(), signs="ours", signing_processes=processes)
        openssl = shutil.which("openssl")
        if openssl is None:
            return self._left_out("openssl is not installed")
        # Beside it two at once: what this machine gives a second process is not ours to reach.
        for name, processes in (("openssl rsa2048", 1), ("openssl rsa2048, two processes", 2)):
            command = [openssl, "speed", "-seconds", "2", "-multi", str(processes), "rsa2048"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - of the machine
            self.rounds[name].append(float(done.stdout.strip().splitlines()[-1].split()[-2]))
        return None

    # --- peers ------------------------------------------------------------------------------------------------------
    def _smtp_source(self) -> None:
        program, sink_program = postfix.program("smtp-source"), postfix.program("smtp-sink")
        if program is None or sink_program is None:
            return self._left_out(postfix.MISSING)
        size = self.sizes.get("ours", 33_000)
        command = [program, "-d", "-s", "10", "-m", str(self.messages), "-l", str(size), "-f", "a@b.example"]
        for name, sink in (
            ("smtp-source", Sink(self._program, Manners())),
            ("smtp-source, smtp-sink", PostfixSink(sink_program)),
        ):
            with sink:
                began = time.perf_counter()
                subprocess.run(  # noqa: S603 - a program of the machine
                    [*command, "-t", "r@readers.example", f"127.0.0.1:{sink.port}"], check=True, capture_output=True
                )
                self.rounds[name].append(self.messages / (time.perf_counter() - began))
        return None

    def _python_peer(self, peer: str, manners: Manners, *, note: str | None = None) -> None:
        if peer == "django" and not self._has("django"):
            return self._left_out("Django is not installed in this environment (pip install django)")
        count = max(50, self.messages // _SLOWER[peer] // (10 if manners.delay_ms else 1))
        with Sink(self._program, manners) as sink:
            orders = {"peer": peer, "port": sink.port, "count": count, "sample": str(self._page)}
            figures = self._run([sys.executable, "-m", "bench.peers"], orders)
            self._check(peer, sink, count)
        self.rounds[note or peer].append(count / figures["seconds"])
        if note is None:
            self.rounds[f"{peer}, us a message"].append(figures["processor_seconds"] / count * 1e6)
        return None

    def _has(self, module: str) -> bool:
        asked = [sys.executable, "-c", f"import {module}"]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603 - ourselves

    def _key(self) -> str:
        """A key for those who sign by themselves; any will do."""
        path = self.folder / "peer.pem"
        if not path.is_file():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            form = serialization.PrivateFormat.PKCS8
            path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return str(path)

    def _nodemailer(self, name: str, key: str | None) -> None:
        node = shutil.which("node")
        if node is None or not (HERE / "node" / "node_modules" / "nodemailer").is_dir():
            return self._left_out("nodemailer is not installed (npm ci --prefix bench/node)")
        count = max(50, self.messages // _SLOWER["nodemailer"])
        with Sink(self._program, Manners()) as sink:
            orders = {"port": sink.port, "count": count, "connections": 10, "sample": str(self._page), "key": key}
            figures = self._run([node, str(HERE / "node" / "send.mjs"), json.dumps(orders)], None)
            self._check(name, sink, count)
        self.rounds[name].append(count / figures["seconds"])
        return None

    @staticmethod
    def _check(name: str, sink: Sink, count: int) -> None:
        accepted = sink.count().accepted
        if accepted != count:
            raise AssertionError(f"{name} was to send {count}, the sink accepted {accepted}")

    def _left_out(self, why: str) -> None:
        if why not in self.notes:
            self.notes.append(why)

    def _run(self, command: Sequence[str], orders: object, *, seconds: float = 600) -> dict[str, Any]:
        """A process; what it prints last is its figures."""
        done = subprocess.run(  # noqa: S603 - ourselves and the peers
            command, input=json.dumps(orders), capture_output=True, text=True, check=False, cwd=ROOT, timeout=seconds
        )
        if done.returncode:
            raise AssertionError(f"{' '.join(command[-2:])} ended with {done.returncode}: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found
