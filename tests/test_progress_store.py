"""The progress file: whole at any moment, shared by kernels, set aside when damaged."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qlab.exercises import store
from qlab.exercises.checking import check, hint
from qlab.exercises.overview import progress
from qlab.exercises.registry import EXERCISES
from qlab.exercises.store import data_folder, read_records, update_record

# Adds one try a time to exercises 00_a ... 00_j in turn, and prints each number once it is saved.
WRITER = """
import sys, types
sys.modules["torch"] = types.ModuleType("torch")  # the store does not need it: start fast
import importlib.util, pathlib
folder = pathlib.Path(sys.argv[1])
for name in ("qlab", "qlab.exercises"):
    sys.modules[name] = types.ModuleType(name)
for name in ("locking", "store"):
    spec = importlib.util.spec_from_file_location(f"qlab.exercises.{name}", folder / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
who, count = sys.argv[2], int(sys.argv[3])
for i in range(count):
    def one_more(record):
        record["tries"] += 1
        record["answer"] = "x" * 2000
    record, note = module.update_record(f"00_{who}_{i % 10}", one_more)
    assert not note, note
    print(i, flush=True)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(store, "_unsaved", {})
    return tmp_path / "data"


def start_writer(who, count):
    exercises = Path(store.__file__).parent
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(exercises), who, str(count)], stdout=subprocess.PIPE, text=True
    )


def passed(record):
    record["passed"] = True


def test_the_file_is_whole_and_complete_whenever_a_writer_is_killed(folder):
    saved = 0
    for round_number in range(12):
        writer = start_writer("a", 100_000)
        writer.stdout.readline()  # it is running
        time.sleep(0.003 * round_number)
        writer.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        said = writer.stdout.read().splitlines()
        writer.wait()
        saved += 1 + len(said)
        records = json.loads((folder / "progress.json").read_text())["exercises"]
        tries = sum(record["tries"] for record in records.values())
        assert saved <= tries <= saved + 1  # one may be saved and not yet told
        saved = tries
    assert read_records()[1] == "" and not list(folder.glob("*damaged*"))
    assert {path.name for path in folder.iterdir()} <= {"progress.json", "progress.lock", "progress.tmp"}


def test_kernels_that_write_at_once_lose_nothing():
    writers = [start_writer(who, 40) for who in ("same", "same", "other")]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    records, _ = read_records()
    assert sum(record["tries"] for name, record in records.items() if "same" in name) == 80
    assert sum(record["tries"] for name, record in records.items() if "other" in name) == 40


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\x00\xff\xfe",
        b"[]",
        b"null",
        b'{"exercises": []}',
        b'{"exercises": {"00_a": {"tries": "3"}}}',
        b"[" * 9999,
    ],
    ids=["empty", "cut off", "not text", "a list", "null", "no records", "wrong type", "deep"],
)
def test_a_damaged_file_is_set_aside_and_told(folder, content):
    folder.mkdir()
    for number in (1, 2):
        (folder / "progress.json").write_bytes(content)
        card = check("00_bits_to_codes", lambda bits: 2**bits)
        assert card.passed
        assert f"The progress file was damaged. It is kept as progress.damaged-{number}.json" in repr(card)
        assert (folder / f"progress.damaged-{number}.json").read_bytes() == content
    assert "damaged" not in repr(check("00_bits_to_codes", lambda bits: 2**bits))
    assert read_records()[0]["00_bits_to_codes"]["tries"] == 2


def test_progress_tells_of_a_damaged_file_too(folder):
    folder.mkdir()
    (folder / "progress.json").write_text("{")
    assert "progress.damaged-1.json" in repr(progress())


def test_where_nothing_can_be_saved_check_works_and_says_so(tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("in the way")
    monkeypatch.setenv("QLAB_DATA_DIR", str(tmp_path / "a file"))
    card = check("00_bits_to_codes", lambda bits: 2**bits)
    assert card.passed
    assert "Progress was not saved in" in repr(card) and "set QLAB_DATA_DIR" in " ".join(repr(card).split())
    assert [hint("00_bits_to_codes").headline for _ in range(2)] == ["1 of 3.", "2 of 3."]  # this kernel remembers
    assert "passed" in repr(progress())


def test_what_could_not_be_saved_is_saved_once_it_can_be(folder):
    folder.write_text("in the way")
    assert "not saved" in update_record("00_a", passed)[1]
    folder.unlink()
    assert update_record("00_b", passed)[1] == ""
    assert set(json.loads((folder / "progress.json").read_text())["exercises"]) == {"00_a", "00_b"}


def test_a_lock_that_is_never_released_does_not_hang(monkeypatch, folder):
    monkeypatch.setattr("qlab.exercises.locking.LOCK_SECONDS", 0.05)
    folder.mkdir()
    from qlab.exercises.locking import locked

    with locked(folder):
        note = update_record("00_a", passed)[1]
    assert "another kernel holds the progress file" in note


def test_no_home_folder_is_no_reason_to_fail(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("QLAB_DATA_DIR")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert "not saved in your home folder" in update_record("00_a", passed)[1]
    assert read_records()[0]["00_a"]["passed"]


@pytest.mark.parametrize(
    "platform, variables, expected",
    [
        ("linux", {}, "/home/ada/.local/share/qlab"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/qlab"),
        ("linux", {"XDG_DATA_HOME": "not/absolute"}, "/home/ada/.local/share/qlab"),
        ("darwin", {}, "/home/ada/Library/Application Support/qlab"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/qlab"),
        ("win32", {}, "/home/ada/AppData/Roaming/qlab"),
        ("win32", {"QLAB_DATA_DIR": "/mine"}, "/mine"),
    ],
    ids=["linux", "xdg", "relative xdg", "mac", "windows", "windows without APPDATA", "chosen"],
)
def test_the_folder_is_where_the_system_keeps_data(monkeypatch, platform, variables, expected):
    for name in ("QLAB_DATA_DIR", "XDG_DATA_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    monkeypatch.setattr(store.sys, "platform", platform)
    assert data_folder() == Path(expected)


def test_keys_of_a_later_version_survive(folder):
    folder.mkdir()
    (folder / "progress.json").write_text('{"version": 1, "exercises": {"00_a": {"passed": false, "stars": 3}}}')
    update_record("00_a", passed)
    assert read_records()[0]["00_a"] == store.NEW_RECORD | {"passed": True, "stars": 3}


def test_progress_as_text():
    check("00_bits_to_codes", lambda bits: 2**bits)
    check("03_quantize", lambda *args: 0)
    hint("03_quantize")
    assert repr(progress("03")).splitlines() == [
        "  exercise                 state      points  hints",
        "03 Affine quantization",
        "  03_scale_and_zero_point  open       0 of 3  0",
        "  03_quantize              tried (1)  0 of 3  1",
        "  03_dequantize            open       0 of 2  0",
        "  03_saturate_or_round     open       0 of 2  0",
        "  03_leave_out_zero        open       0 of 1  0",
        "0 of 5 exercises passed, 0 of 11 points.",
    ]
    whole = repr(progress()).splitlines()
    assert whole[2].split() == ["00_bits_to_codes", "passed", "1", "of", "1", "0"]
    points = sum(exercise.points for exercise in EXERCISES.values())
    assert whole[-1] == f"1 of {len(EXERCISES)} exercises passed, 1 of {points} points."
    assert "<td" in progress()._repr_html_() and "tried (1)" in progress()._repr_html_()


def test_progress_of_one_lesson_and_of_one_that_does_not_exist():
    assert "00_bits_to_codes" in repr(progress("00")) and "03_quantize" not in repr(progress("00"))
    assert "There is no lesson '99'; there are 00, " in repr(progress("99"))
    assert "03_quantize" in repr(progress("99"))
