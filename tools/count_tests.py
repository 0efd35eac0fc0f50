"""Counts what ctest ran and prints the failures: each doctest case and each unittest method, one for each other test.

usage: count_tests.py RESULT.xml...    the files that `ctest --output-junit` and `pytest --junitxml` write

Prints two numbers, passed and failed, as its last line; what failed stands above with the end of its output. A doctest
program that dies before its summary counts as one failure.
"""
import re
import sys
import xml.etree.ElementTree as xml

DOCTEST = re.compile(r"\[doctest\] test cases: +\d+ +\| +(\d+) passed +\| +(\d+) failed")
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n+(?:OK|FAILED \((.*)\))", re.M)
OUTPUT_LINES = 40


def cases_of(output):
    """(passed, failed) of the cases a program reports, or None where it reports none."""
    doctest, unittest = DOCTEST.search(output), UNITTEST.search(output)
    if doctest:
        return int(doctest[1]), int(doctest[2])
    if unittest:
        marks = dict(mark.split("=") for mark in (unittest[2] or "").split(", ") if "=" in mark)
        failed = int(marks.get("failures", 0)) + int(marks.get("errors", 0))
        return int(unittest[1]) - failed, failed
    return None


def count(case):
    """(passed, failed) of one ctest test."""
    status = case.get("status")
    if status is None:  # pytest's
        bad = any(case.find(kind) is not None for kind in ("failure", "error"))
        return (0, 1) if bad else (0, 0) if case.find("skipped") is not None else (1, 0)
    if status == "disabled":
        return 0, 0
    good = status == "run"
    cases = cases_of(case.findtext("system-out") or "")
    if not cases:
        return (1, 0) if good else (0, 1)
    return cases[0], cases[1] if good else max(cases[1], 1)


def show(case):
    text = case.findtext("system-out") or case.findtext("failure") or case.findtext("error") or ""
    lines = text.rstrip().splitlines()
    print(f"--- FAILED: {case.get('name')} ({case.get('status', 'pytest')}, {float(case.get('time') or 0):.1f} s)")
    for line in lines[-OUTPUT_LINES:]:
        print("   ", line)


def main(paths):
    passed = failed = 0
    for path in paths:
        for case in xml.parse(path).getroot().iter("testcase"):
            good, bad = count(case)
            passed, failed = passed + good, failed + bad
            if bad:
                show(case)
    print(passed, failed)


if __name__ == "__main__":
    main(sys.argv[1:])
