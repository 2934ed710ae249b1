"""The network in a thread of its own, so that no frame waits for it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from livebg.clock import NS_PER_S, Clock
from livebg.errors import ModelError, NetworkLateError
from livebg.runtime.inference import Inference, Inferred
from livebg.runtime.mailbox import Mailbox
from livebg.runtime.worker import Worker
from livebg.segment.base import Segmenter
from livebg.types import Frame

__all__ = ["AsyncInference"]

_PATIENCE_S = 0.05
_IDLE_S = 0.5
"""How long the thread sleeps without a question; one that comes, and the end, wake it."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A frame, and how often everything before it was forgotten."""

    frame: Frame
    era: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the network made of a question: a matte, or an error."""

    question: _Question
    outcome: Inferred | Exception


class AsyncInference(Inference):
    """Runs the network in the thread ``livebg-inference``, on one frame at a time.

    The network sees the frames that it is asked about in their order, so the state of a recurrent
    one is right. Bound: one question and one answer; a newer one replaces one that nobody took.

    Args:
        segmenter: the network; used by the new thread only, until ``close``.
        clock: what times it.
        patience_s: seconds after which a network that does not answer is late.
    """

    beside = True

    def __init__(self, segmenter: Segmenter, clock: Clock, *, patience_s: float) -> None:
        super().__init__(segmenter, clock, patience_s=patience_s)
        self._questions: Mailbox[_Question] = Mailbox()
        self._answers: Mailbox[_Answer] = Mailbox()
        self._era = 0
        self._pending: _Question | None = None
        self._asked_ns = 0
        self._closed = False
        self._worker = Worker("inference", self._work)
        self._worker.start()

    @property
    def pending(self) -> Frame | None:
        """The frame that the network has not answered yet."""
        return None if self._pending is None else self._pending.frame

    @property
    def late(self) -> bool:
        """Whether the network has been at work on ``pending`` for longer than it may."""
        waited_ns = self._clock.now_ns() - self._asked_ns
        return self._pending is not None and waited_ns > self.patience_s * NS_PER_S

    def ask(self, frame: Frame) -> None:
        """Leave ``frame`` for the network; returns at once.

        Raises:
            ModelError: this was closed.
        """
        if self._closed:
            raise ModelError("the network was closed; build a new pipeline")
        self._pending = _Question(frame, self._era)
        self._asked_ns = self._clock.now_ns()
        self._questions.put(self._pending)

    def take(self, *, wanted: Frame | None = None) -> Inferred | None:
        """Return a new answer, or None; see ``Inference.take``."""
        while True:
            answer = self._answers.get(0.0 if wanted is None else _PATIENCE_S)
            outcome = None if answer is None else self._accept(answer)
            if outcome is not None and (wanted is None or outcome.frame is wanted):
                return outcome
            if self._pending is None or wanted is None:
                return None
            if self.late:
                width, height = self.segmenter.info.input_size
                raise NetworkLateError(
                    f"the network has not answered for {self.patience_s:.2g} s, so the picture is "
                    "late; where that goes on, choose --preset fast, a --matte-size smaller than "
                    f"{width}x{height}, or a longer --max-matte-age-s"
                )

    def reset(self) -> None:
        """Forget all earlier frames; the network itself forgets before its next one."""
        self._era += 1
        self._pending = None

    def close(self) -> None:
        """End the thread and release the network. Idempotent.

        A network that is at work cannot be interrupted: whoever closes waits for it, so that
        networks that hang do not pile up.
        """
        self._closed = True
        self._worker.stop()
        self._questions.close()
        while not self._worker.join(_PATIENCE_S):
            pass
        self.segmenter.close()

    def _accept(self, answer: _Answer) -> Inferred | None:
        """Return the matte, None for one of a forgotten era; raise what the network raised."""
        if answer.question.era != self._era:
            return None
        if answer.question is self._pending:
            self._pending = None
        if isinstance(answer.outcome, Exception):
            raise answer.outcome
        return answer.outcome

    def _work(self, stop: threading.Event) -> None:
        era = 0
        while not (stop.is_set() or self._questions.finished):
            question = self._questions.get(_IDLE_S)
            if question is None:
                continue
            try:
                if question.era != era:
                    era = question.era
                    self.segmenter.reset()
                outcome: Inferred | Exception = self._run(question.frame)
            except Exception as error:
                # Whatever it is belongs to the thread that asked: it shows the card and goes on.
                outcome = error
            self._answers.put(_Answer(question, outcome))
