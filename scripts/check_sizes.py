#!/usr/bin/env python3
"""No source file over 400 lines, no function over 80, but those that docs/decisions/0024-sizes.md gives a reason for.

An exception there is a line "- `file`: reason" or "- `file` `function`: reason". One that is no longer needed is an error."""

import ast
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from mutation.cpp_text import Source  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "decisions" / "0024-sizes.md"
MOST_FILE_LINES = 400
MOST_FUNCTION_LINES = 80
CPP = {".cpp", ".hpp", ".cu", ".cuh"}
EXCEPTION = re.compile(r"^- `([^`]+)`(?: `([^`]+)`)?: (\S.*)$")


def cpp_functions(text):
    source = Source(text)
    for function in source.functions:
        begin = source.line(source.tokens[function.header].start)
        yield function.name, source.line(source.tokens[function.closes].start) - begin + 1


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.end_lineno - node.lineno + 1


def shell_functions(text):
    opened = None
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r"^(\s*)(?:function\s+)?(\w+)\s*\(\)\s*\{\s*$", line)
        if found and opened is None:
            opened = (number, *found.groups())
        elif opened and line.rstrip() == opened[1] + "}":
            yield opened[2], number - opened[0] + 1
            opened = None


SCRIPT_TOKEN = re.compile(
    r"""(?P<space>\s+) | (?P<comment>//[^\n]*|/\*.*?\*/) | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<word>[A-Za-z_$][\w$]*) | (?P<number>\.?\d[\w.]*) | (?P<op>=>|.)""", re.S | re.X)
SCRIPT_REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*")


def script_tokens(text):
    """(kind, text, position) of JavaScript. What `${}` of a template holds is taken as tokens, so that braces pair."""
    at, before, templates = 0, "", []
    while at < len(text):
        if templates and text[at] == "}" and templates[-1] == 0:
            templates.pop()
            at = end_of_template(text, at + 1, templates)
            before = "string"
            continue
        if text[at] == "`":
            at = end_of_template(text, at + 1, templates)
            before = "string"
            continue
        if text[at] == "/" and text[at + 1:at + 2] not in ("/", "*") and before in ("", "(", ",", "=", ":", "[", "!", "&", "|", "?", "{", "}", ";", "return", "=>"):
            if found := SCRIPT_REGEX.match(text, at):
                at, before = found.end(), "string"
                continue
        found = SCRIPT_TOKEN.match(text, at)
        if found.lastgroup not in ("space", "comment"):
            before = "string" if found.lastgroup == "string" else found.group()
            if templates and before in ("{", "}"):
                templates[-1] += 1 if before == "{" else -1
            yield found.lastgroup, before, at
        at = found.end()


def end_of_template(text, at, templates):
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith("${", at):
            templates.append(0)
            return at + 2
        elif text[at] == "`":
            return at + 1
        else:
            at += 1
    return at


def script_functions(text):
    tokens = list(script_tokens(text))
    stack, parens, closed_paren = [], [], {}
    for i, (_, word, position) in enumerate(tokens):
        if word == "(":
            parens.append(i)
        elif word == ")" and parens:
            closed_paren[i] = parens.pop()
        elif word == "{":
            stack.append((name_of_script_function(tokens, closed_paren, i), position))
        elif word == "}" and stack:
            name, begin = stack.pop()
            if name:
                yield name, text.count("\n", begin, position) + 1


def name_of_script_function(tokens, closed_paren, brace):
    """The name of the function whose body this brace opens; empty where it opens something else."""
    i = brace - 1
    arrow = i >= 0 and tokens[i][1] == "=>"
    if arrow:
        i -= 1
    elif i < 0 or tokens[i][1] != ")":
        return ""
    if tokens[i][1] == ")":
        i = closed_paren.get(i, 0)
    before = tokens[i - 1][1] if i > 0 else ""
    if arrow:
        return tokens[i - 2][1] if before in ("=", ":") and i > 1 else "=>"
    if before in ("if", "for", "while", "switch", "catch", "with"):
        return ""
    return before if re.match(r"[A-Za-z_$]", before) else "function"


def functions(path, text):
    if path.suffix in CPP:
        return cpp_functions(text)
    if path.suffix == ".py":
        return python_functions(text)
    if path.suffix == ".js":
        return script_functions(text)
    return shell_functions(text)


def oversized():
    """{(file, function or None): (lines, most)}"""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout.splitlines()
    found = {}
    for name in sorted(set(listed)):
        path = ROOT / name
        if path.suffix not in CPP | {".py", ".js", ".sh"} or not path.is_file():
            continue
        text = path.read_text()
        if (lines := text.count("\n")) > MOST_FILE_LINES:
            found[name, None] = (lines, MOST_FILE_LINES)
        for function, lines in functions(path, text):
            if lines > MOST_FUNCTION_LINES:
                found[name, function] = (lines, MOST_FUNCTION_LINES)
    return found


def exceptions():
    found = {}
    for line in PAGE.read_text().splitlines() if PAGE.exists() else []:
        if line.startswith("- `"):
            matched = EXCEPTION.match(line)
            if not matched:
                raise SystemExit(f"sizes: {PAGE.name}: no exception with a reason: {line}")
            found[matched[1], matched[2]] = matched[3]
    return found


def main():
    found, allowed = oversized(), exceptions()
    offences = []
    for (file, function), (lines, most) in found.items():
        if (file, function) not in allowed:
            offences.append(f"{file}{': ' + function if function else ''} has {lines} lines, over {most}")
    for file, function in allowed:
        if (file, function) not in found:
            offences.append(f"docs/decisions/{PAGE.name}: `{file}`{f' `{function}`' if function else ''} needs no exception")
    for offence in offences:
        print("sizes:", offence)
    if not offences:
        print("sizes: clean")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
