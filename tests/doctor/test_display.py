import pytest

from livebg.doctor.display import check_display
from livebg.doctor.finding import Finding, Machine
from tests.doctor.trees import only


def test_a_display_is_found_by_its_variable() -> None:
    shown = Machine(platform="linux", environment={"DISPLAY": ":7"})
    hidden = Machine(platform="linux", environment={})
    assert check_display(shown) == [Finding("window", "ok", "there is a display :7")]
    assert only(check_display(hidden)).status == "warn"


def test_an_opencv_without_windows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.currentUIFramework", lambda: "")
    finding = only(check_display(Machine(environment={"DISPLAY": ":7"})))
    assert finding.status == "warn"
    assert "pip install --force-reinstall opencv-python" in finding.remedy
