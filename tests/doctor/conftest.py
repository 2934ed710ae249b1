import pytest


@pytest.fixture(scope="session", autouse=True)
def openvino_is_imported() -> None:
    """Import OpenVINO before a test counts threads: its telemetry starts one for good."""
    import openvino  # noqa: F401 - the import is the point
