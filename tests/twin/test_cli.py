"""The command line: what it prints, exit codes, JSON, refusals, starting points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from twin.cli.app import app
from twin.runfiles.results import open_run

ROOT = Path(__file__).resolve().parents[2]
Twin = Callable[..., Any]

# ---- the whole ----------------------------------------------------------------------------------


def test_help_imports_nothing_heavy() -> None:
    heavy = {"numpy", "scipy", "numba", "h5py", "pydantic", "pybamm", "matplotlib", "pint"}
    program = (
        "import atexit, sys; from twin.__main__ import main\n"
        f"atexit.register(lambda: print(sorted({heavy!r} & set(sys.modules))))\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("[]"), done.stdout


def test_help_lists_the_commands_and_no_others() -> None:
    names = {command.name for command in app.registered_commands}
    assert names == {
        "run", "check", "show", "examples", "new", "schema", "faults", "plugins", "check-plugin",
        "inspect", "report", "fork", "compare", "bench", "validate", "warmup", "results",
    }  # fmt: skip


def test_a_run_ends_with_its_figures_and_the_next_command(folder: Path, twin: Twin) -> None:
    text = twin("run", "tiny.yaml").stdout
    for words in ("peak temperature", "lowest cell voltage", "SOC error", "energy residual"):
        assert words in text
    assert "twin report tiny.h5" in text
    assert (folder / "tiny.h5").is_file()


def test_json_stands_alone_on_stdout(folder: Path, twin: Twin) -> None:
    result = twin("run", "tiny.yaml", "--until", "5 s", "--json")
    found = json.loads(result.stdout)
    assert found["exit_code"] == 0
    assert found["duration_s"] == 5.0
    assert found["energy_residual_relative"] < 1e-9
    assert result.stderr == ""
    inspected = json.loads(twin("inspect", "tiny.h5", "--json").stdout)
    assert inspected["rows"] == found["rows"] == 6
    assert inspected["axes"]["cell"] == 4


def test_json_stands_alone_though_a_plug_in_prints(folder: Path, twin: Twin) -> None:
    (folder / "loud_bms.py").write_text(
        "from controllers.null import NullBms\nprint('loaded')\nclass Loud(NullBms):\n"
        "    def step(self, time_s, inputs, view):\n        print('step')\n"
        "        return super().step(time_s, inputs, view)\n"
    )
    use = ("--set", "bms.use=loud_bms:Loud", "--until", "2 s")
    result = twin("run", "tiny.yaml", *use, "--json")
    assert json.loads(result.stdout)["exit_code"] == 0
    assert "loaded" in result.stderr
    assert "step" in result.stderr
    assert "step" in twin("run", "tiny.yaml", *use, "--force").stdout


def test_text_is_text_and_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    from twin.cli.screen import complain, facts, say, stdout

    say("file.yaml:100: key")
    complain("file.yaml:100: key")
    stdout().print(facts([("a", "b:100:c")]))
    stdout().print("b:100:c")
    told = capsys.readouterr()
    assert told.out.count(":100:") == 3
    assert ":100:" in told.err


def test_pages_and_drawings_of_others_are_not_overwritten(folder: Path, twin: Twin) -> None:
    twin("run", "tiny.yaml", "--until", "2 s", "--quiet")
    for _ in range(2):  # a page of ours may be replaced
        twin("report", "tiny.h5")
    page = (folder / "tiny.html").read_text(encoding="utf-8")
    (folder / "tiny.html").write_text("precious")
    assert "--force" in twin("report", "tiny.h5", code=2).stderr
    assert (folder / "tiny.html").read_text() == "precious"
    twin("report", "tiny.h5", "--force")
    assert (folder / "tiny.html").read_text(encoding="utf-8") == page
    twin("report", "tiny.h5", "-o", "tiny.h5", "--force", code=2)
    assert open_run("tiny.h5").rows == 3
    twin("show", "tiny.yaml", "-o", "pack.svg")
    assert "--force" in twin("show", "tiny.yaml", "-o", "pack.svg", code=2).stderr
    twin("show", "tiny.yaml", "-o", "pack.svg", "--force")
    twin("show", "tiny.yaml", "-o", "tiny.yaml", "--force", code=2)


def test_the_answer_key_is_told_with_target_trigger_and_end(folder: Path, twin: Twin) -> None:
    faults = (
        "[{name: a, kind: contactor_stuck, at: {rack: 1}, from: 1 s, until: 5 s, contactor: plus, "
        "position: closed}, {name: b, kind: sensor_lost, channel: group_voltage, at: {rack: 1, "
        "module: 1, group: 2}, from: 1 s}, {name: c, kind: coolant_loss, at: {rack: 1}, "
        "remaining: 10 percent, when: {channel: truth/cell_temperature_K, at: {rack: 1, "
        "module: 1, group: 1, cell: 1}, above: 60 degC, for: 5 s}}]"
    )
    twin("run", "tiny.yaml", "--until", "2 s", "--set", f"faults={faults}")
    text = twin("inspect", "tiny.h5").stdout
    cell = "rack 1, module 1, group 1, cell 1"
    for words in (
        "a (contactor_stuck, plus stuck closed) at rack 1, from 1 s until 5 s",
        "b (sensor_lost, group_voltage) at rack 1, module 1, group 2, from 1 s",
        "c (coolant_loss, 10 % of the flow remains) at rack 1, when truth/cell_temperature_K of "
        f"{cell} above 60 degC for 5 s",
    ):
        assert f"answer key: {words}" in text
    key = json.loads(twin("inspect", "tiny.h5", "--json").stdout)["answer_key"]
    assert [row["target"] for row in key] == ["plus stuck closed", "group_voltage", ""]


def test_quiet_says_nothing(folder: Path, twin: Twin) -> None:
    result = twin("run", "tiny.yaml", "--until", "1 s", "--quiet")
    assert result.stdout == result.stderr == ""


def test_a_file_is_not_overwritten_without_force(folder: Path, twin: Twin) -> None:
    (folder / "a.h5").write_text("precious")
    refused = twin("run", "tiny.yaml", "-o", "a.h5", code=2)
    assert "--force" in refused.stderr
    assert (folder / "a.h5").read_text() == "precious"
    twin("run", "tiny.yaml", "-o", "a.h5", "--until", "1 s", "--force")
    assert open_run("a.h5").rows == 2
    twin("run", "tiny.yaml", "-o", "tiny.yaml", "--force", code=2)
    twin("fork", "a.h5", "--at", "1 s", "-o", "a.h5", "--force", code=2)
    assert open_run("a.h5").rows == 2


# ---- wrong input --------------------------------------------------------------------------------


def test_every_problem_is_told_with_key_path_and_line(folder: Path, twin: Twin) -> None:
    text = (folder / "tiny.yaml").read_text()
    wrong = text.replace("initial_soc: 0.6", "initial_sok: 0.6").replace("20 s", "20 A")
    (folder / "wrong.yaml").write_text(wrong)
    lines = wrong.splitlines()
    for command in ("check", "run"):
        told = twin(command, "wrong.yaml", code=2).stderr.splitlines()
        assert len(told) == 2
        for line, key in zip(told, ("duration", "cell.initial_sok"), strict=True):
            name, number, found = line.split(": ")[0].split(":")[0], *line.split(":")[1:3]
            assert (name, found.strip()) == ("wrong.yaml", key)
            assert key.split(".")[-1] in lines[int(number) - 1]
    problems = json.loads(twin("check", "wrong.yaml", "--json", code=2).stdout)["problems"]
    assert [p["key_path"] for p in problems] == ["duration", "cell.initial_sok"]


def test_plug_ins_that_cannot_be_had_are_wrong_input_with_their_line(
    folder: Path, twin: Twin
) -> None:
    text = (folder / "tiny.yaml").read_text()
    wrong = text.replace("use: reference                        #", "use: nowhere:Bms  #")
    wrong = wrong.replace("use: simple", "use: simpel").replace("lg_m50", "lg_m51")
    (folder / "wrong.yaml").write_text(wrong)
    lines = wrong.splitlines()
    told = twin("check", "wrong.yaml", code=2).stderr.splitlines()
    expected = (("cell.parameters", "lg_m51"), ("bms.use", "nowhere"), ("ems.use", "simpel"))
    for line, (key, word) in zip(told, expected, strict=True):
        _, number, rest = line.split(":", 2)
        assert rest.startswith(f" {key}: ")
        assert word in rest
        assert word in lines[int(number) - 1]


def test_wrong_options_of_a_plug_in_are_told_by_the_override_that_gave_them(
    folder: Path, twin: Twin
) -> None:
    told = twin("check", "tiny.yaml", "--set", "ems.options.strategy=best", code=2).stderr
    assert told.startswith("--set ems.options.strategy=best: ems.options.strategy:")
    assert "follow" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "cell.initial_soc=2"), "cell.initial_soc"),
        (("--set", "cell"), "KEY.PATH=VALUE"),
        (("--until", "5"), "without a unit"),
        (("--until", "50 ms"), "in steps of"),
        (("--until", "2 h"), "up to the scenario's duration"),
        (("-o", "missing/a.h5"), "there is no folder"),
    ],
)
def test_wrong_options_are_refused(
    folder: Path, arguments: tuple[str, str], words: str, twin: Twin
) -> None:
    assert words in twin("run", "tiny.yaml", *arguments, code=2).stderr
    assert not (folder / "tiny.h5").exists()


def test_what_is_no_run_is_refused_in_one_sentence(folder: Path, twin: Twin) -> None:
    with h5py.File("other.h5", "w") as file:
        file["x"] = np.zeros(3)
    for name in ("missing.h5", "tiny.yaml", "other.h5"):
        for command in (
            ("inspect", name),
            ("report", name, "-o", "page.html"),
            ("compare", name, name),
            ("fork", name, "--at", "1 s", "-o", "new.h5"),
        ):
            told = twin(*command, code=2).stderr.splitlines()
            assert len(told) == 1
            assert name in told[0]
    twin("run", "no_such_example", code=2)
    twin("compare", "one.h5", code=2)


# ---- starting points and plug-ins ---------------------------------------------------------------


def test_a_new_bms_passes_the_check_and_runs(folder: Path, twin: Twin) -> None:
    assert "mine:Mine" in twin("new", "bms", "mine").stdout
    for target in ("mine:Mine", "mine.py:Mine", str(folder / "mine.py:Mine")):
        assert "passes" in twin("check-plugin", target).stdout
    twin("run", "tiny.yaml", "--set", "bms.use=mine:Mine", "--until", "5 s")
    with open_run("tiny.h5") as run:
        assert run.events == []
        assert run.channel("truth/rack_current_A").max() > 1.0
    assert "--force" in twin("new", "bms", "mine", code=2).stderr
    twin("new", "bms", "mine", "--force")
    assert "exists already" in twin("new", "bms", "json", code=2).stderr
    twin("new", "bms", "two words", code=2)


def test_a_new_ems_and_a_new_scenario_run(folder: Path, twin: Twin) -> None:
    twin("new", "ems", "strategy")
    assert "EMS" in twin("check-plugin", "strategy:Strategy").stdout
    assert "study.yaml" in twin("new", "scenario", "study").stdout
    assert "no problems" in twin("check", "study.yaml").stdout
    use = ("--set", "ems.use=strategy:Strategy", "--set", "ems.options={}")
    twin("run", "study.yaml", *use, "--until", "2 s")
    assert open_run("study.h5").events == []


@pytest.mark.parametrize("name", ["reference", "unprotected", "simple", "idle"])
def test_our_own_controllers_pass(name: str, twin: Twin) -> None:
    assert json.loads(twin("check-plugin", name, "--json").stdout)["passed"]


def test_a_wrong_plug_in_fails_with_its_reasons(folder: Path, twin: Twin) -> None:
    told = twin("check-plugin", "bad_bms:Forgets", code=1).stdout
    assert "no `step`" in told
    found = json.loads(twin("check-plugin", "bad_bms:Raises", "--json", code=1).stdout)
    assert "ZeroDivisionError" in found["complaints"][0]
    twin("check-plugin", "nowhere:Bms", code=2)
    twin("check-plugin", "bad_bms:Missing", code=2)


def test_examples_are_listed_shown_and_copied(folder: Path, twin: Twin) -> None:
    names = [e["name"] for e in json.loads(twin("examples", "--json").stdout)]
    assert {"ev_us06", "ev_us06_short", "site_day", "gym_env"} <= set(names)
    twin("examples", "ev_us06", "-o", "copies")
    copied = (folder / "copies" / "ev_us06.yaml").read_text()
    assert twin("examples", "ev_us06").stdout == copied
    twin("examples", "ev_us06", "-o", "copies", code=2)
    twin("examples", "ev_us07", code=2)
    twin("examples", "gym_env", "-o", "copies")
    assert "class PackEnv" in (folder / "copies" / "gym_env.py").read_text()


def test_the_pack_is_shown_with_its_sensors(folder: Path, twin: Twin) -> None:
    text = twin("show", "tiny.yaml").stdout
    assert "4 cells" in text
    assert "1* 2*" in text
    found = json.loads(twin("show", "site_day", "--json").stdout)
    assert found["cells"] == 720
    assert found["sensors"]["temperature_K"] == 60
    assert "".join(found["layout"]).count("*") == 2


def test_lists_for_machines_are_json(twin: Twin) -> None:
    assert json.loads(twin("schema").stdout)["title"] == "packtwin scenario"
    kinds = {p["kind"] for p in json.loads(twin("plugins", "--json").stdout)}
    assert {"bms", "ems", "pcs", "cell_models"} <= kinds
    assert "cell" in twin("validate").stdout
    twin("validate", "nothing", code=2)


# ---- the same again -----------------------------------------------------------------------------


def test_runs_and_forks_repeat_bit_for_bit_and_compare_says_so(folder: Path, twin: Twin) -> None:
    for name in ("a.h5", "b.h5"):
        twin("run", "tiny.yaml", "-o", name, "--quiet")
    twin("fork", "a.h5", "--at", "13 s", "-o", "c.h5", "--quiet")
    text = twin("compare", "a.h5", "b.h5", "c.h5").stdout
    assert text.count("truth: identical bit for bit") == 2
    pairs = json.loads(twin("compare", "a.h5", "b.h5", "c.h5", "--json").stdout)["pairs"]
    assert [pair["rows"] for pair in pairs] == [21, 8]
    for pair in pairs:
        assert all(channel["identical"] for channel in pair["channels"])
    twin("fork", "a.h5", "--at", "13 s", "-o", "d.h5", "--set", "thermal.coolant.flow=0.001 kg/s")
    assert "differs" in twin("compare", "a.h5", "d.h5").stdout


@pytest.fixture
def short_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the bench measure small plants for a moment."""
    from twin.bench import figures, machine

    monkeypatch.setattr(figures, "RACKS", dict.fromkeys((100, 1_000, 100_000), (1, 1, 4)))
    monkeypatch.setattr(machine, "LASTING_S", 1e-4)
    monkeypatch.setattr(machine, "REPEATS", 2)
    monkeypatch.setattr(machine, "CHAIN_STEPS", 1000)


@pytest.mark.usefixtures("short_bench")
def test_bench_says_what_was_reached_and_what_must_be(folder: Path, twin: Twin) -> None:
    found = json.loads(twin("bench", "plant", "--json", "-o", "new.json", code=None).stdout)
    assert found == json.loads(Path("new.json").read_text(encoding="utf-8"))
    assert [figure["name"] for figure in found["figures"]][:1] == ["plant, 1,000 cells"]
    for figure in found["figures"]:
        more = figure["value"] >= figure["must"]
        assert figure["reached"] == (more if figure["more_is_better"] else not more)


@pytest.mark.usefixtures("short_bench")
def test_bench_fails_where_it_is_slower_than_before(folder: Path, twin: Twin) -> None:
    twin("bench", "plant", "-o", "old.json", code=None)
    old = json.loads(Path("old.json").read_text(encoding="utf-8"))
    old["figures"][0]["ratio"] /= 10.0  # ten times as fast, once
    Path("old.json").write_text(json.dumps(old), encoding="utf-8")
    told = twin("bench", "plant", "--compare", "old.json", code=1)
    assert "slower by more than 30 %" in told.stderr
    assert "plant, 1,000 cells" in told.stderr
    assert "choose plant" in twin("bench", "planet", code=2).stderr
    Path("bad.json").write_text("{}", encoding="utf-8")
    assert "no figures" in twin("bench", "plant", "--compare", "bad.json", code=2).stderr
