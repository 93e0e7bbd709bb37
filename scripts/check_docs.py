#!/usr/bin/env python3
"""Checks the prose: every relative link of a Markdown file leads to a file (and its anchor to a heading), and documents and comments of
C++ and CUDA sources avoid the words below. Prints each offence; exits 1 if there is one."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# A pattern, and what to write instead. Only words that are wrong wherever they stand: there is no list of exceptions.
WORDS = [
    (r"dumps?", "raw data, or print"),
    (r"giant", "overflow, or a number"),
    (r"aloud", "with a message"),
    (r"tells?|told", "report, define, describe"),
    (r"says?(?! why)|said", "report, define, describe"),
    (r"go(es)? on", "resume, continue"),
    (r"look(s|ed)? at", "read, test"),
    (r"(bytes?|bits?|[num]s|frames|events|pixels) an? (frame|event|pixel|second|core|record|scan|worker)", "per"),
]
REFUSED = re.compile(r"\b(" + "|".join(f"(?P<w{i}>{pattern})" for i, (pattern, _) in enumerate(WORDS)) + r")\b", re.IGNORECASE)


def files(*patterns):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns], cwd=ROOT, text=True,
                            capture_output=True, check=True)
    return sorted(path for line in set(listed.stdout.splitlines()) if (path := ROOT / line).exists())


def without_code(text):
    """The text with its code blanked, lines kept."""
    text = re.sub(r"^```.*?^```", lambda code: "\n" * code.group().count("\n"), text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^    .*$|`[^`\n]*`", "", text, flags=re.MULTILINE)


def anchors(text):
    """What GitHub makes of the headings."""
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def broken_links(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        for link in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = path.parent / name if name else path
            if not target.exists():
                yield number, f"no file {link}"
            elif anchor and anchor not in anchors(target.read_text()):
                yield number, f"no heading {link}"


def refused_words(text):
    for number, line in enumerate(text.splitlines(), 1):
        for found in REFUSED.finditer(line):
            instead = next(advice for i, (_, advice) in enumerate(WORDS) if found[f"w{i}"])
            yield number, f"'{found.group()}': {instead}"


def main():
    offences = []
    for path in files("*.md"):
        text = path.read_text()
        prose = without_code(text)
        offences += [(path, *offence) for offence in broken_links(path, prose)]
        if "notebook" not in path.parts:  # a notebook keeps what was written then
            offences += [(path, *offence) for offence in refused_words(prose)]
    for path in files("*.hpp", "*.cpp", "*.cuh", "*.cu"):
        comments = "\n".join(line.partition("//")[2] for line in path.read_text().splitlines())
        offences += [(path, *offence) for offence in refused_words(comments)]
    for path, number, what in offences:
        print(f"docs: {path.relative_to(ROOT)}:{number}: {what}")
    if not offences:
        print("docs: clean")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
