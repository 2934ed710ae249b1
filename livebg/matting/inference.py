"""How long a live session waits for its network, and shows what that said before.

Running the network for the pipeline: at once, or beside it in a thread of its own.

The network in a thread of its own, so that no frame waits for it.
"""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from statistics import median

from livebg.clock import NS_PER_S, Clock
from livebg.errors import ModelError, NetworkLateError
from livebg.frame import Frame, Matte
from livebg.segmenters.base import Segmenter
from livebg.threads import Mailbox, Worker

__all__ = ["AsyncInference", "DirectInference", "Inference", "InferenceTimeout", "Inferred"]


_REMEMBERED = 5
_MARGIN = 1.5
_LONGEST_S = 5.0
"""A network that takes longer than most of this cannot be followed by flow any more."""


class InferenceTimeout:
    """Grants a network the time that mattes may be old, or half as long again as it usually takes.

    A network of a second an answer would otherwise be late with every one of them. It is the
    residual of each carried matte, not its age alone, that says whether it may still be shown.

    Args:
        max_age_s: the setting ``max_matte_age_s``.

    Example:
        >>> patience = InferenceTimeout(0.5)
        >>> patience.answer_s, patience.age_s
        (0.5, 1.0)
        >>> patience.took(1_000_000_000)
        >>> patience.answer_s, patience.age_s
        (1.5, 3.0)
    """

    def __init__(self, max_age_s: float) -> None:
        self._took_s: deque[float] = deque(maxlen=_REMEMBERED)
        self.configure(max_age_s)

    def configure(self, max_age_s: float) -> None:
        """Change what it was made with; what the network took so far stays."""
        self._max_age_s = max_age_s

    def took(self, took_ns: int) -> None:
        """Note what one answer took, in nanoseconds."""
        self._took_s.append(took_ns / NS_PER_S)

    @property
    def answer_s(self) -> float:
        """Seconds that an answer may take; by the median, so that one that hung grants nothing."""
        usual_s = median(self._took_s) if self._took_s else 0.0
        return max(self._max_age_s, min(_LONGEST_S, _MARGIN * usual_s))

    @property
    def age_s(self) -> float:
        """Seconds that a matte may be carried.

        It comes when its frame is ``answer_s`` old at most, and the next one has as long.
        """
        return 2 * self.answer_s


@dataclass(frozen=True, slots=True)
class Inferred:
    """What the network found.

    Attributes:
        frame: the frame that it saw.
        matte: that frame's matte.
        took_ns: how long it ran.
    """

    frame: Frame
    matte: Matte
    took_ns: int


class Inference(ABC):
    """Takes frames for the network and gives back what it found. Called by one thread.

    Args:
        segmenter: the network; closed by ``close``.
        clock: what times it.
        timeout_s: seconds after which a network that runs beside and does not answer is late.
    """

    beside: bool
    """Whether the network runs while the caller does something else."""

    def __init__(self, segmenter: Segmenter, clock: Clock, *, timeout_s: float = math.inf) -> None:
        self.segmenter = segmenter
        """The network."""
        self.timeout_s = timeout_s
        """May be changed between two frames."""
        self._clock = clock

    @property
    @abstractmethod
    def pending(self) -> Frame | None:
        """The frame that the network was asked about last and has not answered yet."""

    @property
    @abstractmethod
    def late(self) -> bool:
        """Whether the network has been at work on ``pending`` for longer than it may."""

    @abstractmethod
    def ask(self, frame: Frame) -> None:
        """Have the network look at ``frame``.

        Raises:
            ModelError: the network failed on it.
            ValueError: the frame has another size than the network was built for.
        """

    @abstractmethod
    def take(self, *, wanted: Frame | None = None) -> Inferred | None:
        """Return what the network found and nobody took yet, or None.

        Args:
            wanted: wait for the answer about this frame, which is the pending one.

        Raises:
            NetworkLateError: what is waited for is late; it may be waited for again.
            ModelError: the network failed.
            ValueError: the frame has another size than the network was built for.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget all earlier frames, and what is still to come of them."""

    @abstractmethod
    def close(self) -> None:
        """Release the network. Idempotent."""

    def _run(self, frame: Frame) -> Inferred:
        started_ns = self._clock.now_ns()
        matte = self.segmenter.segment(frame)
        return Inferred(frame, matte, self._clock.now_ns() - started_ns)


class DirectInference(Inference):
    """Runs the network in the caller's thread: every answer is there when ``ask`` returns."""

    beside = False

    def __init__(self, segmenter: Segmenter, clock: Clock) -> None:
        super().__init__(segmenter, clock)
        self._answer: Inferred | None = None

    @property
    def pending(self) -> None:
        """None: the answer is there when ``ask`` returns."""
        return None

    @property
    def late(self) -> bool:
        """Never: the caller was in the network for as long as it took."""
        return False

    def ask(self, frame: Frame) -> None:
        """Run the network on ``frame``; see ``Inference.ask``."""
        self._answer = self._run(frame)

    def take(self, *, wanted: Frame | None = None) -> Inferred | None:
        """Return the answer to the last ``ask``, once."""
        answer, self._answer = self._answer, None
        return answer

    def reset(self) -> None:
        """Forget all earlier frames."""
        self._answer = None
        self.segmenter.reset()

    def close(self) -> None:
        """Release the network. Idempotent."""
        self.segmenter.close()


_POLL_S = 0.05
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
        timeout_s: seconds after which a network that does not answer is late.
    """

    beside = True

    def __init__(self, segmenter: Segmenter, clock: Clock, *, timeout_s: float) -> None:
        super().__init__(segmenter, clock, timeout_s=timeout_s)
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
        return self._pending is not None and waited_ns > self.timeout_s * NS_PER_S

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
            answer = self._answers.get(0.0 if wanted is None else _POLL_S)
            outcome = None if answer is None else self._accept(answer)
            if outcome is not None and (wanted is None or outcome.frame is wanted):
                return outcome
            if self._pending is None or wanted is None:
                return None
            if self.late:
                width, height = self.segmenter.info.input_size
                raise NetworkLateError(
                    f"the network has not answered for {self.timeout_s:.2g} s, so the picture is "
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
        while not self._worker.join(_POLL_S):
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
