"""Runs the test programs of a build folder and counts their test cases.

usage: run_tests.py BUILD [FILTER] [--only PROGRAM]... [--without NAME]...

--only: no other programs than these; --without: no cases whose name contains this.

The programs are those that Meson knows as tests. Each is a Catch2 (version 2) program, or one that Meson knows to report in TAP, such as
a script. A Catch2 program first lists the test cases that it has, so that none can get lost: one that is listed and doesn't report a
result has failed, whether its program crashed, hung or left early; the cases after a crash are run in a new process. A TAP program's
plan does the same for its checks. Progress and the output of what
failed go to stderr. The last line of stdout is `N passed, N failed`. The exit status is 0 only if something ran and
nothing failed.
"""

import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

# A test program that takes longer than this hangs. (A slow machine under a sanitizer may need minutes.)
TIMEOUT_SECONDS = 900
OUTPUT_LINES_SHOWN = 60

# A program whose cases keep crashing it is given up after so many new starts.
MAX_RESTARTS = 50

# How many cases are named on one command line (an argument may be 128 KiB long).
MAX_NAMES = 400


@dataclass
class Failure:
    test: str
    report: str


@dataclass
class Result:
    passed: int = 0
    failures: list = field(default_factory=list)


def complete_report(case):
    """What the XML report of one failed test case says, in the order of its assertions."""
    lines = []

    def walk(element, section):
        for child in element:
            if child.tag == "Section":
                walk(child, section + [child.get("name", "").strip()])
                continue
            place = f"{child.get('filename', '')}:{child.get('line', '')}: " if child.get("filename") else ""
            text = (child.text or "").strip()
            if child.tag == "Expression":
                if child.get("success") == "true":
                    continue
                if section:
                    lines.append("  in section: " + " / ".join(section))
                lines.append(f"  {place}{child.get('type')}( {(child.findtext('Original') or '').strip()} )")
                lines.append(f"    was: {(child.findtext('Expanded') or '').strip()}")
                for inner in child:
                    if inner.tag not in ("Original", "Expanded"):
                        lines.append(f"    {inner.tag}: {(inner.text or '').strip()}")
            elif child.tag in ("Failure", "Exception", "FatalErrorCondition", "Info", "Warning"):
                lines.append(f"  {place}{child.tag}: {text}")
            elif child.tag == "OverallResult":
                for stream in ("StdOut", "StdErr"):
                    captured = (child.findtext(stream) or "").strip()
                    if captured:
                        lines.append(f"  {stream}:\n" + "\n".join("    " + line for line in captured.splitlines()))

    walk(case, [])
    return "\n".join(lines)


def read_report(path):
    """Reads an XML report, whole or cut short: (passed names, failures, the name of the case that was left open)."""
    passed, failures, open_case = [], [], None
    try:
        for event, element in ElementTree.iterparse(path, events=("start", "end")):
            if element.tag != "TestCase":
                continue
            if event == "start":
                open_case = element.get("name")
                continue
            overall = element.find("OverallResult")
            if overall is not None and overall.get("success") == "true":
                passed.append(element.get("name"))
            else:
                failures.append(Failure(element.get("name"), complete_report(element)))
            open_case = None
    except ElementTree.ParseError:
        pass
    return passed, failures, open_case


def tail(text):
    lines = text.strip().splitlines()
    cut = [f"... ({len(lines) - OUTPUT_LINES_SHOWN} lines before)"] if len(lines) > OUTPUT_LINES_SHOWN else []
    return "\n".join("  | " + line for line in cut + lines[-OUTPUT_LINES_SHOWN:])


def escaped(name):
    """The test case's name as Catch2 wants it in a selection."""
    return re.sub(r'([\\,"\[])', r"\\\1", name)


def ending(status):
    if status is None:
        return f"still ran after {TIMEOUT_SECONDS} seconds and was killed"
    if status < 0:
        try:
            return f"died of {signal.Signals(-status).name}"
        except ValueError:
            return f"died of signal {-status}"
    return f"ended with exit status {status}"


class Program:
    """One test program, with the environment that Meson would give it."""

    def __init__(self, test):
        self.name = test["name"]
        self.command = test["cmd"]
        self.directory = test.get("workdir")
        self.environment = {**os.environ, **test.get("env", {})}

    def execute(self, arguments):
        """Runs the program: (exit status, negative for a signal, None for a time-out; its output)."""
        process = subprocess.Popen(
            self.command + arguments, cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            status = None
        return status, output.decode(errors="replace")


class TapProgram(Program):
    """Reports in TAP: a line `ok N - NAME` or `not ok N - NAME` per check, and how many there are as `1..N`."""

    def run(self, wanted, unwanted):
        result = Result()
        status, output = self.execute([])
        checks = re.findall(r"^(ok|not ok)\b[ \d]*(?:- )?(.*)\n((?:#.*\n)*)", output, re.MULTILINE)
        for verdict, name, report in checks:
            if wanted.lower() not in name.lower() or any(word in name for word in unwanted):
                continue
            if verdict == "ok":
                result.passed += 1
            else:
                result.failures.append(Failure(name, report))
        plan = re.search(r"^1\.\.(\d+)$", output, re.MULTILINE)
        complete = plan is not None and int(plan.group(1)) == len(checks)
        if not complete or (status != 0 and all(verdict == "ok" for verdict, _, _ in checks)):
            result.failures.append(Failure(self.name, f"  it {ending(status)} after {len(checks)} checks\n{tail(output)}"))
        return result


class CatchProgram(Program):
    """Lists and runs its test cases, and writes an XML report that tells of each as it goes."""

    def list_cases(self, expression):
        """The names of the program's test cases that `expression` selects, or None if it can't say."""
        status, output = self.execute(expression + ["--list-test-names-only"])
        # Catch2 returns the number of names, or the highest exit status.
        names = [line for line in output.splitlines() if line]
        return names if status is not None and status == min(len(names), 255) else None

    def run(self, wanted, unwanted):
        """`wanted`: a substring of names (any case), a tag expression, or empty for all; `unwanted`: substrings."""
        result = Result()
        expression = [wanted] if wanted.startswith("[") else []
        names = self.list_cases(expression)
        if names is None:
            result.failures.append(Failure(self.name, "  can't list its test cases, as a Catch2 program would"))
            return result
        if wanted and not expression:
            names = [name for name in names if wanted.lower() in name.lower()]
        listed = len(names)
        names = [name for name in names if not any(word in name for word in unwanted)]
        everything = not wanted and len(names) == listed
        waiting = names
        for _ in range(MAX_RESTARTS + len(names) // MAX_NAMES):
            if not waiting:
                return result
            if everything:
                waiting = self.run_once([], waiting, result)
                everything = False
            else:
                batch, later = waiting[:MAX_NAMES], waiting[MAX_NAMES:]
                waiting = self.run_once([",".join(map(escaped, batch))], batch, result) + later
        result.failures += [Failure(name, "  not run: the program crashed too often") for name in waiting]
        return result

    def run_once(self, selection, names, result):
        """Runs the cases `names`, which `selection` selects, in one process, and adds to `result`.

        Returns the names that are still to be run.
        """
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "report.xml")
            status, output = self.execute(selection + ["-r", "xml", "-o", report])
            passed, failures, open_case = read_report(report) if os.path.exists(report) else ([], [], None)
        # A name that begins or ends with * selects others too; their results are not asked for now.
        passed = [name for name in passed if name in names]
        failures = [failure for failure in failures if failure.test in names]
        result.passed += len(passed)
        for failure in failures:
            failure.report += "\n" + tail(output) if output.strip() else ""
        done = set(passed) | {failure.test for failure in failures}
        waiting = [name for name in names if name not in done]
        result.failures += failures
        if open_case is not None:
            result.failures.append(Failure(open_case, f"  the program {ending(status)} in it\n{tail(output)}"))
            return [name for name in waiting if name != open_case]
        if waiting and failures and "FatalErrorCondition" in failures[-1].report:
            # Catch2 itself caught the signal, reported it as that case's failure, and let the program die of it.
            return waiting
        if waiting:
            # It left without a crash that could be told from its report: the next case in line is to blame.
            result.failures.append(Failure(waiting[0], f"  the program {ending(status)} before its result\n{tail(output)}"))
            return waiting[1:]
        if status != 0 and not failures:
            result.failures.append(Failure(self.name, f"  all its cases passed, then it {ending(status)}\n{tail(output)}"))
        return []


class Progress:
    """Says on stderr how far the run has come."""

    def __init__(self, total):
        self._total, self._done, self._lock = total, 0, threading.Lock()

    def finished(self, program, result, seconds):
        with self._lock:
            self._done += 1
            if not result.passed and not result.failures:
                return
            print(f"[{self._done}/{self._total}] {program.name}: {result.passed} passed, {len(result.failures)} failed"
                  f" ({seconds:.1f} s)", file=sys.stderr)
            for failure in result.failures:
                print(f"FAILED: {program.name}: {failure.test}\n{failure.report}\n", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("wanted", nargs="?", default="")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--without", action="append", default=[])
    arguments = parser.parse_args()
    build, wanted = arguments.build, arguments.wanted
    os.environ.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=0:strict_string_checks=1")
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    listing = subprocess.run(["meson", "introspect", "--tests", build], check=True, stdout=subprocess.PIPE)
    tests = [test for test in json.loads(listing.stdout) if not arguments.only or test["name"] in arguments.only]
    progress = Progress(len(tests))

    def run(test):
        program, start = (TapProgram if test["protocol"] == "tap" else CatchProgram)(test), time.monotonic()
        result = program.run(wanted, arguments.without)
        progress.finished(program, result, time.monotonic() - start)
        return result

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        together = pool.map(run, [test for test in tests if test.get("is_parallel", True)])
        results = list(together)
    results += [run(test) for test in tests if not test.get("is_parallel", True)]

    passed = sum(result.passed for result in results)
    failed = sum(len(result.failures) for result in results)
    if passed + failed == 0:
        print(f"no test case matches {wanted}" if wanted else "there is no test case", file=sys.stderr)
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(0 if passed and not failed else 1)


if __name__ == "__main__":
    main()
