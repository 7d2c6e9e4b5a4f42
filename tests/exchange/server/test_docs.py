"""docs/exchange.md tells every switch as it is, and names what exists."""

import re

from polymm.exchange.faults import SCENES
from polymm.exchange.server.app import PATHS
from polymm.exchange.server.settings import ServerSettings
from polymm.runtime.assigning import names_of
from tests.support.recordings import ROOT

TEXT = (ROOT / "docs/exchange.md").read_text()


def test_the_table_of_faults_is_theirs() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.* \| .* \| .*) \|$", TEXT, re.MULTILINE))
    wanted = {}
    for fault, scene in SCENES.items():
        low_ms, high_ms = scene.lasts_ms
        lasts = f"{low_ms / 1000:g} to {high_ms / 1000:g} s" if high_ms else ""
        wanted[fault.value] = f"{scene.chance} | {scene.what} | {lasts}"
    assert rows == wanted


def test_every_service_and_setting_it_names_is_there() -> None:
    services = "\n".join(re.findall(r"^\| (`[a-z_`, ]+) \|", TEXT, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", services)) >= set(PATHS)
    for name in re.findall(r"--set ([\w.]+)=", TEXT):
        assert name in names_of(ServerSettings())
