import pytest

from livebg.clock import NS_PER_S
from livebg.config.schema import CpuBudget
from livebg.runtime.budget import InferenceBudget
from livebg.runtime.scheduler import MaskScheduler

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
            self.budget.frame(captured_ns, spent_ns=self.spent_ns)
            self.scheduler.strictness = self.budget.strictness
            took_ns = self.chain_ns
            if self.scheduler.decide(residual).infer:
                self.budget.inferred(captured_ns, took_ns=self.inference_ns)
                took_ns += self.inference_ns
            self.spent_ns += took_ns
            self.cpu_ns += took_ns
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


def test_two_equal_runs_decide_alike() -> None:
    one, other = (Bench(25, chain_ms=4, inference_ms=17) for _ in range(2))
    for residual in (0.0, 0.2, 0.15, 0.3):
        assert one.play(residual, 50) == other.play(residual, 50)
    assert one.scheduler.reasons == other.scheduler.reasons
