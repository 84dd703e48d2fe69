"""Almagest's engine in a process of its own, asked line by line (`tests/bench/survey.rs`)."""

import json
import select
import shutil
import subprocess
import time
from dataclasses import replace
from typing import Any

from .data import Data
from .measure import Answer, Missing, Request, n_runs
from .worker import Late


class Almagest:
    """Asks ADQL of one catalog at a time; the process is started anew for another."""

    def __init__(self, data: Data, binary: str) -> None:
        self.data = data
        self.binary = binary
        self.catalog = ""
        self.process: subprocess.Popen[str] | None = None

    def ask(self, request: Request, timeout: float) -> Answer:
        """Time ADQL texts; a question `{"start": ADQL}` times a process from its start,
        `{"at_once": [ADQL, …]}` all texts at the same time."""
        deadline = time.monotonic() + timeout
        question = request.questions[0]
        if isinstance(question, dict) and "start" in question:
            return self._start_anew(request, deadline)
        self._open(request.catalog)
        asked = {"adqls": list(request.questions), "uploads": request.uploads}
        if isinstance(question, dict):
            asked = {"adqls": question["at_once"], "at_once": True}
        first = self._send({**asked, "runs": 0}, deadline)
        runs = n_runs(first["first_milliseconds"])
        warm = self._send({**asked, "runs": runs, "save": request.save}, deadline)
        peak = max(first["peak_bytes"], warm["peak_bytes"])
        cold_ms = first["first_milliseconds"]
        told, telling = warm["told_milliseconds"], warm["telling_milliseconds"]
        answer = Answer(warm["milliseconds"], cold_ms, warm["rows"], peak, request.save)
        return replace(answer, told_ms=told, telling_ms=telling)

    def relieve(self) -> None:
        """Keep the process: its memory has a limit."""

    def close(self) -> None:
        """Let the process end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.catalog = ""

    def _start_anew(self, request: Request, deadline: float) -> Answer:
        times = []
        answer: dict[str, Any] = {}
        for _ in range(6):
            self.close()
            begin = time.perf_counter()
            self._open(request.catalog)
            asked = {"adql": request.questions[0]["start"], "runs": 0, "save": None}
            answer = self._send(asked, deadline)
            times.append((time.perf_counter() - begin) * 1e3)
        self._send({**asked, "save": request.save}, deadline)
        files = sum(
            len(self.data.files(request.catalog, t)) for t in self.data.tables(request.catalog)
        )
        note = f"{files} data files, from the start of the process"
        peak, rows = answer["peak_bytes"], answer["rows"]
        return Answer(times[1:], times[0], rows, peak, request.save, note)

    def _open(self, catalog: str) -> None:
        if catalog == self.catalog and self.process is not None:
            return
        self.close()
        if shutil.which(self.binary) is None:
            raise Missing("the binary of the benchmark is not built")
        if not self.data.catalog(catalog).exists():
            raise Missing(f"no catalog {catalog}")
        log = (self.data.root / "almagest.log").open("a")
        self.process = subprocess.Popen(
            [self.binary, str(self.data.catalog(catalog)), "--partitions", "2"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        self.catalog = catalog

    def _send(self, asked: dict[str, Any], deadline: float) -> dict[str, Any]:
        process = self.process
        assert process is not None and process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            self.close()
            raise Late("no answer in time")
        line = process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError("the process ended without an answer; see almagest.log")
        answer = json.loads(line)
        if answer.get("error"):
            raise RuntimeError(answer["error"])
        return answer
