"""The demo notices when a step misbehaves: it is no demo that always ends well."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.server import ROOT


@pytest.fixture
def demo() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("demo", ROOT / "server/scripts/demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_command_that_ends_with_another_code_ends_the_demo(demo: ModuleType, tmp_path: Path) -> None:
    """Both when it fails and when it succeeds where it should be refused."""
    with pytest.raises(demo.StepFailed, match="ended with 3, not 0"):
        demo.run(tmp_path, "python", "-c", "raise SystemExit(3)")
    with pytest.raises(demo.StepFailed, match="ended with 0, not 3"):
        demo.run(tmp_path, "python", "-c", "pass", expect=3)


def test_a_story_that_is_not_told_ends_the_demo(demo: ModuleType) -> None:
    """The right exit code with the wrong words is not enough."""
    demo.require("CLIENT_REVOKED", "client revoked (CLIENT_REVOKED)")
    with pytest.raises(demo.StepFailed):
        demo.require("CLIENT_REVOKED", "token expired")


def test_a_demo_whose_commands_fail_ends_with_1(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As make and scripts want it."""
    broken = tmp_path / "typeplate-server"
    broken.write_text("#!/bin/sh\nexit 9\n")
    broken.chmod(0o755)
    monkeypatch.setattr(demo, "BIN", tmp_path)
    assert demo.main() == 1
