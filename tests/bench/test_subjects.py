from pathlib import Path

import pytest

from livebg.bench.baselines import FloatRecipe, FrameCopy
from livebg.bench.subjects import COPY, RECIPE, SubjectPlan, open_subject, used_since
from livebg.config.schema import Settings
from livebg.runtime.pipeline import Pipeline


@pytest.mark.parametrize(("name", "kind"), [("fast", Pipeline), (RECIPE, FloatRecipe)])
def test_a_plan_opens_what_it_names(name: str, kind: type, rvm_weights: Path) -> None:
    subject = open_subject(SubjectPlan(name, Settings()), (160, 96))
    assert isinstance(subject, kind)
    subject.close()


def test_a_copy_needs_no_network() -> None:
    assert isinstance(open_subject(SubjectPlan(COPY, Settings()), (160, 96)), FrameCopy)


def test_baselines_are_known() -> None:
    plans = [SubjectPlan(name, Settings()) for name in ("fast", RECIPE, COPY)]
    assert [plan.is_baseline for plan in plans] == [False, True, True]


def test_a_plan_gets_another_background() -> None:
    plan = SubjectPlan("fast", Settings(background="blur", threads=2))
    moved = plan.behind("white")
    assert moved == SubjectPlan("fast", Settings(background="white", threads=2))


def test_what_was_done_before_is_not_counted() -> None:
    before = {"frames": 4, "inferred": 4, "stage_ms": {"segment": 500.0}}
    after = {"frames": 10, "inferred": 6, "stage_ms": {"segment": 206.0, "carry": 3.0}}
    used = used_since(before, after)
    assert (used["frames"], used["inferred"]) == (6, 2)
    # 2060 ms in all, 2000 of them before; carrying took 30 ms, none before.
    assert used["stage_ms"] == pytest.approx({"segment": 10.0, "carry": 5.0})
