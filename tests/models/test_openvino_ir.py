import subprocess
import sys

import pytest

PROGRAM = """
import threading
{imports}
print(sorted(thread.name for thread in threading.enumerate()))
"""


@pytest.mark.integration
def test_openvino_starts_no_telemetry() -> None:
    imports = "from livebg.models.openvino_ir import import_openvino; import_openvino().Core()"
    program = PROGRAM.format(imports=imports)
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert found.stdout.strip() == "['MainThread']"
