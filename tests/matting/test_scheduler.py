from __future__ import annotations

import pytest

from livebg.clock import NS_PER_S
from livebg.config.settings import CpuBudget, Every
from livebg.matting.scheduler import InferenceBudget, MaskScheduler

PERIOD_NS = NS_PER_S // 30
MS = 1_000_000


class Bench:
    """A chain at 30 frames a second whose stages and program cost what a test says."""

    def __init__(self, share: CpuBudget, *, chain_ms: float, inference_ms: float) -> None:
        self.chain_ns = round(chain_ms * MS)
        self.inference_ns = round(inference_ms * MS)
        self.cpu_ns = 0
        self.spent_ns = 0
        self.index = 0
        self.budget = InferenceBudget(share, cpu_ns=lambda: self.cpu_ns)
        self.scheduler = MaskScheduler("auto", max_residual=0.1, max_age=8)

    def play(self, residual: float, frames: int) -> int:
        """Show frames that look wrong by ``residual``; return how many were inferred."""
        before = self.scheduler.inferred
        for _ in range(frames):
            captured_ns = self.index * PERIOD_NS
            self.index += 1
            self.budget.add_frame(captured_ns, spent_ns=self.spent_ns)
            self.scheduler.strictness = self.budget.strictness
            duration_ns = self.chain_ns
            if self.scheduler.decide(residual).infer:
                self.budget.add_inference(captured_ns, duration_ns=self.inference_ns)
                duration_ns += self.inference_ns
            self.spent_ns += duration_ns
            self.cpu_ns += duration_ns
        return self.scheduler.inferred - before

    def share_of_core(self, frames: int, residual: float) -> float:
        """Processor time per time while ``frames`` are shown."""
        before = self.cpu_ns
        self.play(residual, frames)
        return (self.cpu_ns - before) / (frames * PERIOD_NS)


def test_what_fits_is_inferred_on_every_moving_frame() -> None:
    assert Bench("auto", chain_ms=5, inference_ms=15).play(0.2, 300) == 300


def test_the_frame_rate_is_held_by_inferring_less() -> None:
    bench = Bench("auto", chain_ms=8, inference_ms=60)
    bench.play(0.2, 60)
    assert 0.8 < bench.share_of_core(300, residual=0.2) < 0.9


@pytest.mark.parametrize("percent", [20, 30, 50])
def test_the_users_share_of_a_core_is_kept(percent: int) -> None:
    bench = Bench(percent, chain_ms=3, inference_ms=15)
    bench.play(0.2, 60)
    assert bench.share_of_core(300, residual=0.2) == pytest.approx(percent / 100, abs=0.02)


def test_a_budget_that_cannot_be_kept_leaves_the_rarest_inferences() -> None:
    bench = Bench(5, chain_ms=5, inference_ms=15)
    bench.play(0.2, 60)
    assert bench.play(0.2, 320) == 10
    assert bench.scheduler.reasons["budget"] > 300


def test_frames_that_look_worst_are_inferred_all_the_same() -> None:
    bench = Bench(20, chain_ms=5, inference_ms=15)
    bench.play(0.2, 120)
    calm = bench.play(0.12, 60)
    assert bench.play(0.9, 60) == 60 > calm


def test_a_still_scene_saves_up_for_a_movement() -> None:
    bench = Bench(30, chain_ms=3, inference_ms=15)
    bench.play(0.0, 120)
    assert bench.play(0.2, 5) == 5


def test_a_pause_pays_nothing_in() -> None:
    bench = Bench(20, chain_ms=5, inference_ms=15)
    bench.play(0.2, 60)
    owed = bench.budget.strictness
    bench.index += 300
    bench.play(0.0, 1)
    assert bench.budget.strictness >= owed > 1


def test_reset_settles_the_account() -> None:
    bench = Bench(20, chain_ms=5, inference_ms=15)
    bench.play(0.2, 60)
    bench.budget.reset()
    assert bench.budget.strictness == 1


def test_a_changed_share_holds_from_then_on() -> None:
    bench = Bench(20, chain_ms=3, inference_ms=15)
    bench.play(0.2, 60)
    bench.budget.configure(50)
    bench.play(0.2, 60)
    assert bench.share_of_core(300, residual=0.2) == pytest.approx(0.5, abs=0.02)


CALM, STIRRED, CUT = 0.0, 0.1, 0.9


def scheduler(every: Every, *, max_residual: float = 0.03, max_age: int = 8) -> MaskScheduler:
    return MaskScheduler(every, max_residual=max_residual, max_age=max_age)


def settled(max_age: int = 8, max_residual: float = 0.03) -> MaskScheduler:
    """An automatic scheduler after a long calm, which has just carried its newest matte once."""
    made = scheduler("auto", max_age=max_age, max_residual=max_residual)
    decisions = [made.decide(CALM).infer for _ in range(100)]
    assert any(decisions[50:]), "it never looks again"
    while not made.decide(CALM).infer:
        pass
    assert not made.decide(CALM).infer
    return made


@pytest.mark.parametrize("every", [1, 3, "auto"])
def test_the_first_frame_is_inferred(every: Every) -> None:
    decision = scheduler(every).decide(CALM)
    assert (decision.infer, decision.reason) == (True, "first")


@pytest.mark.parametrize("residual", [CALM, STIRRED])
@pytest.mark.parametrize("every", [1, 2, 3, 8])
def test_a_fixed_interval_does_not_look_at_small_changes(every: int, residual: float) -> None:
    made = scheduler(every)
    inferred = [made.decide(residual).infer for _ in range(24)]
    assert inferred == [index % every == 0 for index in range(24)]


def test_a_cut_begins_a_new_interval() -> None:
    made = scheduler(4)
    residuals = [CALM, CALM, CUT, CALM, CALM, CALM, CALM]
    decisions = [made.decide(residual) for residual in residuals]
    assert [d.infer for d in decisions] == [True, False, True, False, False, False, True]
    assert decisions[2].reason == "cut"


def test_automatic_infers_the_first_frames_until_a_recurrent_network_has_settled() -> None:
    made = scheduler("auto")
    reasons = [made.decide(CALM).reason for _ in range(8)]
    assert reasons[:3] == ["first", "settling", "settling"]
    assert reasons[-1] == "carried"


@pytest.mark.parametrize(
    ("max_residual", "residual", "reason"),
    [
        (0.03, 0.02, "carried"),
        (0.03, STIRRED, "motion"),
        (0.03, CUT, "cut"),
        (0.2, 0.19, "carried"),
        (0.2, 0.21, "motion"),
        (0, 0.001, "motion"),
    ],
)
def test_motion_is_what_goes_beyond_the_settings_share(
    max_residual: float, residual: float, reason: str
) -> None:
    made = settled(max_residual=max_residual)
    assert made.decide(residual).reason == reason
    assert made.decide(CALM).reason == "carried"


@pytest.mark.parametrize("max_age", [2, 5, 8])
def test_automatic_infers_at_least_every_max_age_frames(max_age: int) -> None:
    made = settled(max_age)
    decisions = [made.decide(CALM) for _ in range(3 * max_age)]
    places = [place for place, decision in enumerate(decisions) if decision.infer]
    assert places == [max_age - 2, 2 * max_age - 2, 3 * max_age - 2]
    assert {decisions[place].reason for place in places} == {"age"}


def test_after_a_movement_it_looks_again_soon_and_then_ever_more_rarely() -> None:
    made = settled(max_age=16)
    assert made.decide(STIRRED).reason == "motion"
    decisions = [made.decide(CALM) for _ in range(2 + 4 + 8 + 16 + 16)]
    places = [place + 1 for place, decision in enumerate(decisions) if decision.infer]
    assert places == [2, 2 + 4, 2 + 4 + 8, 2 + 4 + 8 + 16, 2 + 4 + 8 + 16 + 16]


def test_an_age_of_one_infers_every_frame() -> None:
    made = scheduler("auto", max_age=1)
    assert all(made.decide(CALM).infer for _ in range(20))


@pytest.mark.parametrize("every", [1, 3, "auto"])
def test_a_residual_is_wanted_exactly_when_it_decides(every: Every) -> None:
    """Where the reason is settled beforehand, the flow need not be computed."""
    needed = []
    for residual in (CALM, CUT):
        made = scheduler(every)
        for _ in range(30):
            before = made.needs_residual
            decision = made.decide(residual if before else CUT)
            needed.append(before)
            if not before:
                assert decision.infer
                assert decision.reason in ("first", "settling", "every", "age")
            elif residual == CUT:
                assert decision.reason == "cut"
    assert any(needed) == (every != 1)


@pytest.mark.parametrize(("every", "then"), [(3, "carried"), ("auto", "settling")])
def test_reset_infers_the_next_frame(every: Every, then: str) -> None:
    made = scheduler(every)
    for _ in range(20):
        made.decide(CALM)
    made.reset()
    assert not made.needs_residual
    assert [made.decide(CALM).reason for _ in range(2)] == ["first", then]


def test_every_decision_is_counted_by_its_reason() -> None:
    made = scheduler(3)
    for residual in [CALM] * 6 + [CALM, CUT]:
        made.decide(residual)
    assert made.reasons == {"first": 1, "carried": 4, "every": 2, "cut": 1}
    made.reset()
    made.decide(CALM)
    assert made.reasons["first"] == 2


def test_changed_settings_hold_from_the_next_frame() -> None:
    made = scheduler(8)
    for _ in range(3):
        made.decide(CALM)
    made.configure(2, max_residual=0.03, max_age=8)
    assert made.decide(CALM).reason == "every"
    assert made.decide(CALM).reason == "carried"
    made.configure("auto", max_residual=0.03, max_age=8)
    assert made.decide(CALM).reason == "age"
    assert sum(made.reasons.values()) == 6
