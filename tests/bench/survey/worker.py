"""A peer in a process of its own: its memory is measured alone, and it can be stopped."""

import importlib
import multiprocessing
import traceback
from multiprocessing.connection import Connection
from typing import Any

from .measure import Answer, Missing, Request, status_bytes

MOST_BYTES = 2_500_000_000
"""A peer that holds more is started anew for its next class."""


class Late(Exception):
    """A peer that took too long and was stopped."""


def _serve(pipe: Connection, module: str, name: str, arguments: tuple[Any, ...]) -> None:
    """Make the peer, then answer requests until there are none."""
    try:
        peer = getattr(importlib.import_module(module, __package__), name)(*arguments)
        pipe.send(("ready", None))
    except Exception as error:
        pipe.send(("missing", f"{type(error).__name__}: {error}"))
        return
    try:
        while (request := pipe.recv()) is not None:
            pipe.send(_answer(peer, request))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass  # Nobody asks any more.
    finally:
        getattr(peer, "close", lambda: None)()


def _answer(peer: Any, request: Request) -> tuple[str, Any]:
    """Ask the peer; what it cannot answer is said, not fatal."""
    try:
        return "answer", peer.ask(request)
    except Missing as error:
        return "missing", str(error)
    except Exception as error:
        traceback.print_exc()
        return "error", f"{type(error).__name__}: {error}"


class Worker:
    """Keeps a peer in another process, which imports its module when it is first asked."""

    def __init__(self, module: str, name: str, *arguments: Any) -> None:
        self.peer = (module, name, arguments)
        self.process: Any = None
        self.pipe: Any = None
        self.missing: str | None = None

    def ask(self, request: Request, timeout: float) -> Answer:
        """Pass a request on; a peer that takes longer than `timeout` seconds is stopped."""
        if self.missing:
            raise Missing(self.missing)
        if self.process is None:
            self._start()
        self.pipe.send(request)
        kind, answer = self._receive(timeout)
        if kind == "missing":
            raise Missing(answer)
        if kind == "error":
            raise RuntimeError(answer)
        return answer

    def relieve(self) -> None:
        """Let the peer end if it holds much memory, of which the others have need."""
        if self.process is not None and status_bytes(self.process.pid, "VmRSS") > MOST_BYTES:
            self.close()

    def close(self) -> None:
        """Let the peer end."""
        if self.process is not None:
            try:
                self.pipe.send(None)
            except OSError:
                pass
            self.process.join(20)
            self._stop()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, *self.peer)
        self.process = context.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        # Loading its rows is a peer's own affair; an hour is for the largest sizes.
        kind, why = self._receive(3600)
        if kind == "missing":
            self.missing = why
            self._stop()
            raise Missing(why)

    def _receive(self, timeout: float) -> tuple[str, Any]:
        try:
            if self.pipe.poll(timeout):
                return self.pipe.recv()
        except EOFError:
            self._stop()
            raise RuntimeError("the process ended without an answer") from None
        self._stop()
        raise Late(f"no answer in {timeout:.0f} s")

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
            self.process = None
