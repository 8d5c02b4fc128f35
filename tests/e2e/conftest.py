"""Every test of the whole is watched for secrets that it, or a process that it starts, shows."""

from tests.support.secret_watch import _watched, all_logs, pytest_runtest_makereport, pytest_runtest_setup

__all__ = ["_watched", "all_logs", "pytest_runtest_makereport", "pytest_runtest_setup"]
