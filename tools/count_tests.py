"""Counts what ctest ran and prints the failures: one for each doctest case, one for each other test.

usage: count_tests.py RESULT.xml...    the files that `ctest --output-junit` writes

Prints two numbers, passed and failed, as its last line; what failed stands above with the end of its output. A doctest
program that dies before its summary counts as one failure.
"""
import re
import sys
import xml.etree.ElementTree as xml

SUMMARY = re.compile(r"\[doctest\] test cases: +(\d+) +\| +(\d+) passed +\| +(\d+) failed")
OUTPUT_LINES = 40


def count(case):
    """(passed, failed) of one ctest test."""
    status = case.get("status")
    if status == "disabled":
        return 0, 0
    good = status == "run"
    found = SUMMARY.search(case.findtext("system-out") or "")
    if not found:
        return (1, 0) if good else (0, 1)
    passed, failed = int(found[2]), int(found[3])
    return passed, failed if good else max(failed, 1)


def show(case):
    lines = (case.findtext("system-out") or "").rstrip().splitlines()
    print(f"--- FAILED: {case.get('name')} ({case.get('status')}, {float(case.get('time') or 0):.1f} s)")
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
