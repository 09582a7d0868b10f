# SPDX-License-Identifier: Apache-2.0
import os

import pytest

import harness


def pytest_configure(config):
    harness.raise_on_sigterm()


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("these tests need root: they create network namespaces and load BPF programs", returncode=1)
    harness.remove_remains_of_dead_runs()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and lab:
        for number, daemon in enumerate(lab.daemons, 1):
            report.sections.append((f"log of daemon {number}", daemon.log_text()[-8000:]))


@pytest.fixture
def lab():
    """An empty network; gone after the test, whatever happens."""
    made = harness.Lab.open()
    yield made
    made.close()


@pytest.fixture
def daemon(lab):
    """A daemon in the lab. When the test passed, it must leave nothing behind."""
    running = lab.daemon()
    yield running
    if running.running():
        assert running.stop() == 0
        running.assert_nothing_left()


@pytest.fixture(params=harness.HOOKS)
def hook(request):
    return request.param
