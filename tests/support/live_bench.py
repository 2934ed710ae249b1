"""A bench for one stage of a live session: a manual clock, and all that the stage is told."""

from __future__ import annotations

from typing import Any

from livebg.clock import NS_PER_S, ManualClock
from livebg.errors import LivebgError
from livebg.live.privacy import PrivacyGuard
from livebg.live.statistics import Statistics
from tests.support.fakes import SIZE

__all__ = ["LiveBench"]


class LiveBench:
    """What every stage of a live session works with."""

    def __init__(self) -> None:
        self.clock = ManualClock(NS_PER_S)
        self.guard = PrivacyGuard(SIZE, max_age_s=0.5, clock=self.clock)
        self.statistics = Statistics(self.clock)
        self.reports: list[LivebgError] = []
        self.notices: list[str] = []

    @property
    def reported(self) -> list[str]:
        return [str(error) for error in self.reports]

    def summary(self) -> dict[str, Any]:
        return self.statistics.summary(ended="")
