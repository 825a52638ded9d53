"""Checks the tree: layout, formatting, shell scripts, and clang-tidy with clang's own warnings and thread-safety analysis.

usage: lint.py BUILD [--fix]

BUILD is a Meson folder set up for clang++; its compile_commands.json says what to analyse and how. A source that passed is
remembered in BUILD/lint-passed under a hash of all that the result depends on within the project (itself, the project's
headers it reaches, its command line, the configuration), so that a second run looks only at what changed. What is found goes to
stderr; the exit status says whether anything was. --fix formats the sources first.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLANG_FORMAT = "clang-format-14"
CLANG_TIDY = "clang-tidy-14"
CODE = (".c", ".cc", ".cpp", ".cxx", ".h")

TOP_LEVEL = {"meson.build", "meson_options.txt", "subprojects", "kernel_sim", "mm", "platform", "test", "tools", "README.md",
             "LICENSE"}


def say(text):
    print(text, file=sys.stderr, flush=True)


def output_of(command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def run(command):
    """Runs a checker; what it prints counts only if it fails."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode == 0, done.stdout


def tracked_files():
    """The project's own files as git knows them: tracked, and new ones that it doesn't ignore."""
    names = output_of(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).split("\0")
    return sorted({name for name in names if name and (ROOT / name).is_file()})


def check_layout(files):
    top = {name.split("/")[0] for name in files}
    wrong = sorted(name for name in top if name not in TOP_LEVEL and not name.startswith("."))
    return not wrong, f"at the top level, but nothing else belongs there: {' '.join(wrong)}"


def check_format(files):
    sources = [name for name in files if name.endswith(CODE)]
    good, output = run([CLANG_FORMAT, "--dry-run", "-Werror", *sources]) if sources else (True, "")
    lines = {}
    for name, line in re.findall(r"^(.+?):(\d+):\d+: error: code should be clang-formatted", output, re.MULTILINE):
        lines.setdefault(name, {})[line] = None
    found = [f"{name}: line {', '.join(found)}" for name, found in lines.items()]
    return good, "\n".join(found or [output]) + "\ntools/dev lint --fix formats them."


def format_files(files):
    run([CLANG_FORMAT, "-i", *(name for name in files if name.endswith(CODE))])


def check_scripts(files):
    def is_shell(name):
        with open(ROOT / name, "rb") as file:
            return re.match(rb"#!.*\b(ba)?sh\b", file.readline()) is not None

    scripts = [name for name in files if is_shell(name)]
    return run(["shellcheck", *scripts]) if scripts else (True, "")


class Tidy:
    """clang-tidy over the sources of a compilation database, several at a time, remembering what passed."""

    def __init__(self, build):
        self._build = build
        self._passed = build / "lint-passed"
        self._passed.mkdir(exist_ok=True)
        # Findings in the project's own headers count, wherever the tree lies.
        self._command = [CLANG_TIDY, "-p", str(build), "--quiet",
                         f"--header-filter=^{re.escape(str(ROOT))}/(kernel_sim|mm|platform|test|tools)/"]
        self._configuration = output_of([CLANG_TIDY, "--version"]) + (ROOT / ".clang-tidy").read_text()

    def _includes(self, source, search):
        """`source` and the project's files that it includes, directly or not, as far as quoted names can be found."""
        found, waiting = {}, [source]
        while waiting:
            path = waiting.pop()
            if path in found:
                continue
            found[path] = path.read_bytes()
            for name in re.findall(rb'^\s*#\s*include\s+["<]([^">]+)[">]', found[path], re.MULTILINE):
                for folder in [path.parent, *search]:
                    candidate = pathlib.Path(os.path.normpath(folder / name.decode()))
                    if candidate.is_file():
                        waiting.append(candidate)
                        break
        return found

    def _key(self, entry):
        source = pathlib.Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
        # Only folders of the project: the system's headers are taken to be as they were.
        search = [pathlib.Path(os.path.normpath(os.path.join(entry["directory"], folder)))
                  for folder in re.findall(r"(?:-I|-iquote |-isystem ?)(\S+)", entry["command"])]
        search = [folder for folder in search if folder.is_relative_to(ROOT)]
        digest = hashlib.sha256((self._configuration + entry["command"]).encode())
        for path, content in sorted(self._includes(source, search).items()):
            digest.update(str(path).encode() + b"\0" + content)
        return digest.hexdigest()

    def check(self, entry):
        stamp = self._passed / self._key(entry)
        if stamp.exists():
            return True, ""
        good, output = run([*self._command, os.path.join(entry["directory"], entry["file"])])
        if good:
            stamp.touch()
        lines = [line for line in output.splitlines() if not re.match(r"\d+ warnings? (generated|treated as errors)", line)]
        return good, "\n".join(lines)


def make_headers(build):
    """Makes the headers that the build generates: the sources can't be read without them."""
    targets = json.loads(output_of(["meson", "introspect", "--targets", str(build)]))
    headers = [os.path.relpath(name, build) for target in targets if target["type"] == "custom"
               for name in target["filename"] if name.endswith((".h", ".inc"))]
    return run(["ninja", "-C", str(build), *headers]) if headers else (True, "")


def check_tidy(build):
    made, output = make_headers(build)
    if not made:
        return False, output
    entries = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
        ours = source.is_relative_to(ROOT) and not source.is_relative_to(build) and not source.is_relative_to(ROOT / "subprojects")
        if ours and source.suffix in (".cc", ".cpp", ".cxx"):
            entries.setdefault(source, entry)
    tidy, reports, seen = Tidy(build), [], set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (good, output) in enumerate(pool.map(tidy.check, entries.values()), 1):
            if sys.stderr.isatty():
                print(f"\r[{done}/{len(entries)}] clang-tidy", end="" if done < len(entries) else "\n", file=sys.stderr, flush=True)
            # A header's finding comes with each source that includes it.
            if not good and output not in seen:
                seen.add(output)
                reports.append(output)
    return not reports, "\n".join(reports)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    files = tracked_files()
    if "--fix" in sys.argv[2:]:
        format_files(files)
    failed = []
    for name, check in [("layout", lambda: check_layout(files)), ("clang-format", lambda: check_format(files)),
                        ("shellcheck", lambda: check_scripts(files)), ("clang-tidy", lambda: check_tidy(build))]:
        good, output = check()
        say(f"{name}: {'passed' if good else 'failed'}")
        if not good:
            say(output)
            failed.append(name)
    if failed:
        say(f"lint failed: {', '.join(failed)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
