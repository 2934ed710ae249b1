"""Functions in a fresh interpreter, which has its memory and processor time for itself."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from livebg.errors import BenchError
from livebg.platform.process import tune_process

__all__ = ["Progress", "run_each", "run_isolated", "serve"]

Progress = Callable[[int, int, str], None]
"""Called with the measurements done, their number in all, and the name of the next one."""

_SERVE = "from livebg.bench.isolation import serve; serve()"


class _Case(Protocol):
    @property
    def name(self) -> str: ...


_CaseT = TypeVar("_CaseT", bound=_Case)
_Result = TypeVar("_Result")


def run_each(
    measure: Callable[[_CaseT], _Result], cases: Sequence[_CaseT], progress: Progress
) -> list[_Result]:
    """Measure every case in a process of its own."""
    results = []
    for number, case in enumerate(cases):
        progress(number, len(cases), case.name)
        results.append(run_isolated(measure, case))
    return results


def run_isolated(function: Callable[..., _Result], *arguments: Any) -> _Result:
    """Call ``function`` in a fresh process and return its result.

    The process ends with the call, also when this one is interrupted.

    Args:
        function: a function of a module, not of ``__main__``; it, its arguments and its result
            must be picklable.
        arguments: its arguments.

    Raises:
        BenchError: the process died.
        BaseException: raised by ``function``; a note holds the traceback in the process.
    """
    child = subprocess.run(
        [sys.executable, "-c", _SERVE],
        input=pickle.dumps((function, arguments)),
        stdout=subprocess.PIPE,
        check=False,
    )
    if child.returncode:
        raise BenchError(
            f"the process that measured ended with status {child.returncode}, out of memory "
            "perhaps; measure smaller --sizes, or close other programs"
        )
    succeeded, result = pickle.loads(child.stdout)
    if not succeeded:
        raise result
    returned: _Result = result
    return returned


def serve() -> None:
    """Run the call that ``run_isolated`` wrote to stdin; its prints go to stderr."""
    tune_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process after Ctrl+C
    # The pipe is broken once the parent was killed.
    with contextlib.suppress(BrokenPipeError), os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        pickle.dump(_outcome(), answer)


def _outcome() -> tuple[bool, Any]:
    try:
        function, arguments = pickle.load(sys.stdin.buffer)
        return True, function(*arguments)
    except Exception as error:
        error.add_note(traceback.format_exc())
        return False, error
