"""The measurements that need more than a sink: a shared database, a worker that is killed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict

from bench import personal, shared
from bench.conf import Orders
from bench.measure import LEAN, Bench
from bench.shared import SharedTown
from bench.sink import Manners, Sink


class LongerBench(Bench):
    """All measurements."""

    _shared: SharedTown | None = None

    def close(self) -> None:
        """Stop the shared database, if one was started."""
        if self._shared is not None:
            self._shared.close()

    def _all_steps(self) -> dict[frozenset[str], Callable[[], None]]:
        return {
            **super()._all_steps(),
            frozenset({"ours, PostgreSQL"}): self._on_postgres,
            frozenset({"ours, personal", "ours, as large"}): self._personal,
            frozenset({"freeze, s", "raw COPY, s"}): self._freeze,
            frozenset({"lost", "copies where doubts are held", "copies for each doubt"}): self._kills,
        }

    def _town_on_postgres(self) -> SharedTown:
        if self._shared is None:
            self._shared = SharedTown(self.folder / "shared", readers=self.messages)
        return self._shared

    def _on_postgres(self) -> None:
        found = self._town_on_postgres()
        with Sink(self._program, Manners()) as sink:
            orders = Orders(folder=str(found.folder), url=found.copy(), port=sink.port)
            figures = self._run([sys.executable, "-c", LEAN], asdict(orders))
            self._check("ours, PostgreSQL", sink, self.messages)
        if figures["states"] != {"accepted": self.messages} or figures["broken"]:
            raise AssertionError(f"PostgreSQL: the ledger says {figures['states']}")
        self.rounds["ours, PostgreSQL"].append(self.messages / figures["seconds"])

    def _personal(self) -> None:
        """Beside a letter that is the same for all and as large: bytes are dear on both sides of a socket."""
        folder, same = self.folder / "town-personal", self.folder / "town-as-large"
        if not folder.is_dir():
            folder.mkdir()
            personal.found(folder, f"sqlite:///{folder}/town.sqlite3", readers=self.messages)
        self._found(same, self.messages, sentences=personal.AS_LARGE)
        self._ours("ours, as large", Manners(), town_of=same)
        self._ours("ours, personal", Manners(), town_of=folder)
        sizes = [self.sizes[name] for name in ("ours, as large", "ours, personal")]
        if max(sizes) > 1.03 * min(sizes):
            raise AssertionError(f"the two letters have {sizes} bytes: mend personal.AS_LARGE")

    def _freeze(self) -> None:
        url = self._town_on_postgres().copy()
        self.rounds["freeze, s"].append(shared.frozen(url))
        self.rounds["raw COPY, s"].append(shared.copied(url))

    def _kills(self) -> None:
        if self.rounds["lost"]:
            return  # once: the moments are the same each time
        figures = self._run([sys.executable, "-m", "bench.kills"], None, seconds=3_600)
        self.rounds["lost"].append(figures["lost"])
        self.rounds["copies where doubts are held"].append(figures["copies_held"])
        self.rounds["copies for each doubt"].append(figures["copies_resent"])
