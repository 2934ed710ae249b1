import pytest

from livebg.config.schema import Every
from livebg.runtime.scheduler import MaskScheduler

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


@pytest.mark.parametrize("every", [1, 2, 3, 8])
def test_a_fixed_interval_is_kept(every: int) -> None:
    made = scheduler(every)
    inferred = [made.decide(CALM).infer for _ in range(24)]
    assert inferred == [index % every == 0 for index in range(24)]


def test_a_fixed_interval_does_not_look_at_small_changes() -> None:
    made = scheduler(4)
    assert [made.decide(STIRRED).infer for _ in range(8)] == [True, False, False, False] * 2


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


def test_automatic_carries_while_it_looks_right() -> None:
    made = settled()
    assert [made.decide(0.02).reason for _ in range(3)] == ["carried"] * 3


def test_automatic_infers_on_motion_and_carries_again() -> None:
    made = settled()
    assert made.decide(STIRRED).reason == "motion"
    assert made.decide(CALM).reason == "carried"


def test_motion_is_what_goes_beyond_the_settings_share() -> None:
    assert settled(max_residual=0.2).decide(0.19).reason == "carried"
    assert settled(max_residual=0.2).decide(0.21).reason == "motion"
    assert settled(max_residual=0).decide(0.001).reason == "motion"


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


def test_a_cut_is_told_from_motion() -> None:
    assert settled().decide(CUT).reason == "cut"


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


@pytest.mark.parametrize("every", [3, "auto"])
def test_reset_infers_the_next_frame(every: Every) -> None:
    made = scheduler(every)
    for _ in range(20):
        made.decide(CALM)
    made.reset()
    assert not made.needs_residual
    assert made.decide(CALM).reason == "first"


def test_reset_lets_a_recurrent_network_settle_again() -> None:
    made = settled()
    made.reset()
    assert [made.decide(CALM).reason for _ in range(2)] == ["first", "settling"]


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
