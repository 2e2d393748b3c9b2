"""The learner's progress: one small JSON file in the user's data folder.

A record is written whole or not at all: to a file beside it, flushed to the disk, then renamed over the old
one. Kernels that write at once take turns by a lock that the system releases when a process dies. A file that
cannot be read is set aside, never deleted. Where nothing can be saved, records live as long as the kernel.
"""

import copy
import json
import os
import sys
from pathlib import Path

from qlab.exercises.locking import locked

NEW_RECORD = {"tries": 0, "passed": False, "hints": 0, "solution_seen": False, "answer": ""}

_unsaved = {}  # folder -> records that could not be written; kept for this kernel


def data_folder() -> Path:
    """Where progress is kept: QLAB_DATA_DIR, or a folder `qlab` where the system keeps a user's data."""
    if os.environ.get("QLAB_DATA_DIR"):
        return Path(os.environ["QLAB_DATA_DIR"])
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData/Roaming") / "qlab"
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/qlab"
    chosen = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (chosen if chosen.is_absolute() else Path.home() / ".local/share") / "qlab"


def read_records() -> tuple[dict, str]:
    """All records by exercise id, and a note for the learner: "" when there is nothing to say."""
    try:
        folder = data_folder()
    except RuntimeError:  # no home folder
        return copy.deepcopy(_unsaved.get(None, {})), ""
    try:
        with locked(folder):
            records, note = _load(folder)
    except OSError:  # nothing there yet, or a folder that may only be read
        records, note = _read_unlocked(folder / "progress.json"), ""
    return records | copy.deepcopy(_unsaved.get(folder, {})), note


def update_record(exercise_id: str, change) -> tuple[dict, str]:
    """Let `change` edit the exercise's record and save it. Returns the record, and a note as above."""
    try:
        folder = data_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            records, note = _load(folder)
            records |= _unsaved.get(folder, {})
            record = _edited(records, exercise_id, change)
            _write(folder / "progress.json", records)
        _unsaved.pop(folder, None)
        return record, note
    except (OSError, RuntimeError) as error:
        return _keep_unsaved(exercise_id, change, error)


def _keep_unsaved(exercise_id, change, error):
    try:
        folder = data_folder()
    except RuntimeError:
        folder = None
    records, _ = read_records()
    record = _edited(records, exercise_id, change)
    _unsaved.setdefault(folder, {})[exercise_id] = record
    reason = getattr(error, "strerror", None) or str(error)
    return record, (
        f"Progress was not saved in {folder or 'your home folder'}: {reason}. It lasts until the kernel stops; "
        "set QLAB_DATA_DIR to a folder that can be written."
    )


def _edited(records, exercise_id, change):
    record = NEW_RECORD | records.get(exercise_id, {})
    change(record)
    records[exercise_id] = record
    return record


def _load(folder):
    """The saved records. Call it locked: a damaged file is moved out of the way."""
    path = folder / "progress.json"
    if not path.exists():
        return {}, ""
    records = _parse(path)
    if records is not None:
        return records, ""
    number = 1
    while (aside := folder / f"progress.damaged-{number}.json").exists():
        number += 1
    os.rename(path, aside)
    return {}, f"The progress file was damaged. It is kept as {aside.name} beside a new one in {folder}."


def _read_unlocked(path):
    try:
        return _parse(path) or {}
    except OSError:
        return {}


def _parse(path):
    """The records of a file, or None where it holds something else. OSError where it cannot be read."""
    try:
        records = json.loads(path.read_text(encoding="utf-8"))["exercises"]
        well_formed = all(
            type(record.get(key, default)) is type(default)
            for record in records.values()
            for key, default in NEW_RECORD.items()
        )
        return records if well_formed else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _write(path, records):
    beside = path.with_suffix(".tmp")  # one name is enough: only the lock's holder writes
    with open(beside, "w", encoding="utf-8") as file:
        json.dump({"version": 1, "exercises": records}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
