#!/usr/bin/env python3
"""Plants the faults of table/*.toml into a copy of the tree, one at a time, and tells which of them no test notices.

Each row of a table names a text of a source file, what is put in its place, why that must be noticed, and the test
program (with a GoogleTest filter) that must fail. The copy and its build are in build/mutants. Rows that were noticed
before are not run again unless the row, its source file or the tests of its program have changed.

    run.py                 all rows that are not done; ends with status 1 if a fault goes unnoticed
    run.py --again         all rows
    run.py --only NAME …   these rows (names may end with *)
    run.py --check         runs nothing: is every text found exactly once, is every row complete?
"""

import argparse
import fcntl
import fnmatch
import hashlib
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLES = pathlib.Path(__file__).resolve().parent / "table"
WORK = ROOT / "build/mutants"
TREE, BUILD, RESULTS = WORK / "tree", WORK / "build", WORK / "results.json"
TEST_SECONDS_MAX = 600
HANGS_AFTER = 5  # times what the program takes without a fault: then the fault is noticed
TEST_BYTES_MAX = 16 << 30  # of address space: a program that wants more is out of hand
BUILD_SECONDS_MAX = 1800
FLAGS = {"actors": ["--seeds", "40"]}  # a fault that needs more random lives than that needs a test of its own
EQUIVALENT_MAX = 5


def read_table():
    tables = [tomllib.loads(file.read_text()) for file in sorted(TABLES.glob("*.toml"))]
    return ([row for table in tables for row in table.get("row", [])],
            [row for table in tables for row in table.get("equivalent", [])])


def check(rows, equivalent):
    """Returns what is wrong with the table, a line each."""
    wrong = []
    names = [row.get("name", "?") for row in rows + equivalent]
    wrong += [f"{name}: there twice" for name in sorted(set(names)) if names.count(name) > 1]
    if len(equivalent) > EQUIVALENT_MAX:
        wrong.append(f"{len(equivalent)} rows change nothing, at most {EQUIVALENT_MAX} may")
    for row, keys in [(r, ("name", "file", "find", "put", "why", "test")) for r in rows] + \
                     [(r, ("name", "file", "find", "put", "proof")) for r in equivalent]:
        name = row.get("name", "?")
        missing = [key for key in keys if key not in row]
        if missing:
            wrong.append(f"{name}: has no {', '.join(missing)}")
            continue
        file = ROOT / row["file"]
        count = file.read_text().count(row["find"]) if file.exists() else 0
        if count != 1:
            wrong.append(f"{name}: its text is {count} times in {row['file']}, must be once: {row['find'].strip()[:70]}")
        if row["find"] == row["put"]:
            wrong.append(f"{name}: changes nothing")
        if "test" in row and not (ROOT / "tests" / row["test"]).is_dir():
            wrong.append(f"{name}: there is no tests/{row['test']}")
    return wrong


def digest(row):
    """Of all that decides a row's result: the row, its file, the tests of its program."""
    state = hashlib.sha256(json.dumps(row, sort_keys=True).encode())
    tests = sorted((ROOT / "tests" / row["test"]).glob("*.?pp")) + sorted((ROOT / "tests/support").glob("*.?pp"))
    for file in [ROOT / row["file"]] + tests:
        state.update(file.read_bytes())
    return state.hexdigest()


def copy_tree():
    """Brings the copy up to date. Files that are equal keep their time, so that little is built again."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.splitlines()
    wanted = {name for name in listed if (ROOT / name).is_file()}
    for file in [f for f in TREE.rglob("*") if f.is_file()]:
        if str(file.relative_to(TREE)) not in wanted:
            file.unlink()
    for name in wanted:
        source, target = ROOT / name, TREE / name
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def run(command, log, seconds_max):
    """Returns the status, or None if it took too long. The whole process group ends with it."""
    with open(log, "w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=TREE, start_new_session=True,
                                   preexec_fn=limit_memory)
        try:
            return process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            return None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (TEST_BYTES_MAX, TEST_BYTES_MAX))


def build(test):
    return run(["cmake", "--build", str(BUILD), "-j", os.environ.get("JOBS", "2"), "--target", f"test_{test}"],
               WORK / "build.log", BUILD_SECONDS_MAX) == 0


def passes(row, seconds_max):
    program = str(BUILD / "tests" / f"test_{row['test']}")
    return run([program, "--gtest_filter=" + row.get("filter", "*"), "--gtest_fail_fast", "--gtest_brief=1",
                *FLAGS.get(row["test"], [])],
               WORK / "test.log", seconds_max) == 0


def fail(text, log):
    print(f"{text}; the end of {log}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-30:]))
    sys.exit(2)


def configure():
    if (BUILD / "build.ninja").exists():
        return
    command = ["cmake", "-S", str(TREE), "-B", str(BUILD), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=None",
               "-DCMAKE_CXX_FLAGS=-O1", "-DCHROMATIN_WERROR=OFF"]
    if run(command, WORK / "configure.log", 600) != 0:
        fail("the copy cannot be configured", WORK / "configure.log")


def check_sound(row, seen):
    """What the row says must fail has to pass without the fault; and it has to run a test. Returns after how many
    seconds the program hangs."""
    what = (row["test"], row.get("filter", "*"))
    if what in seen:
        return seen[what]
    if not build(row["test"]):
        fail(f"test_{row['test']} does not build", WORK / "build.log")
    begin = time.monotonic()
    if not passes(row, TEST_SECONDS_MAX):
        fail(f"test_{row['test']} {what[1]} fails without a fault", WORK / "test.log")
    seen[what] = 10 + HANGS_AFTER * (time.monotonic() - begin)
    listed = subprocess.run([BUILD / "tests" / f"test_{row['test']}", "--gtest_list_tests", f"--gtest_filter={what[1]}"],
                            capture_output=True, text=True).stdout
    if "\n  " not in listed:
        fail(f"{row['name']}: no test of test_{row['test']} is called {what[1]}", WORK / "test.log")
    return seen[what]


def plant(row, seconds_max):
    """Returns "noticed", "survived" or "does not build"."""
    file = TREE / row["file"]
    sound = file.read_text()
    file.write_text(sound.replace(row["find"], row["put"]))
    try:
        if not build(row["test"]):
            return "does not build"
        return "survived" if passes(row, seconds_max) else "noticed"
    finally:
        file.write_text(sound)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="also rows that were noticed before")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these rows")
    parser.add_argument("--check", action="store_true", help="check the table only")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends too

    rows, equivalent = read_table()
    wrong = check(rows, equivalent)
    print("\n".join(wrong) if wrong else f"{len(rows)} faults, {len(equivalent)} that change nothing: all in place")
    if wrong or options.check:
        return 1 if wrong else 0
    if options.only:
        rows = [row for row in rows if any(fnmatch.fnmatch(row["name"], name) for name in options.only)]
    WORK.mkdir(parents=True, exist_ok=True)
    lock = open(WORK / "lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print(f"another run uses {WORK}")
        return 2
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() and not options.again else {}
    copy_tree()
    configure()
    seen, bad, begin = {}, [], time.monotonic()
    rows.sort(key=lambda row: (row["test"], row["file"]))
    for i, row in enumerate(rows):
        key = digest(row)
        result = "noticed"
        if results.get(row["name"]) != key or options.only:
            result = plant(row, check_sound(row, seen))
            print(f"{i + 1}/{len(rows)} {time.monotonic() - begin:5.0f} s  {result:14} {row['name']}", flush=True)
            results[row["name"]] = key if result == "noticed" else result
            RESULTS.write_text(json.dumps(results, indent=1))
        if result != "noticed":
            bad.append((result, row))
    for result, row in bad:
        print(f"{result}: {row['name']} ({row['file']}): {row['why']}")
    print(f"{len(rows)} faults planted, {len(bad)} of them unnoticed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
