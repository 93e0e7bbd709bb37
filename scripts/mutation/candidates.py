"""Finds what can be mutated in a C++ file: expressions ("slots") and the token changes that make a mutant of each."""

import dataclasses
import hashlib
import re

from mutation.cpp_text import Source

SWAPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&"}
KINDS = {"<": "limit", "<=": "limit", ">": "limit", ">=": "limit", "==": "equality", "!=": "equality", "&&": "and-or", "||": "and-or"}
EXTRA_KINDS = {"beyond", "factor"}  # found with --all only
ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}
NOT_MUTATED_CALLS = {"sizeof", "decltype", "static_assert", "alignas", "noexcept", "requires", "assert", "format", "alignof", "__builtin_prefetch"}
NOT_MUTATED_STATEMENTS = {"throw", "case", "using", "typedef", "static_assert", "constexpr", "static", "template", "goto", "namespace",
                          "struct", "class", "enum", "extern", "default", "public", "private", "assert"}


@dataclasses.dataclass
class Mutant:
    file: str
    line: int
    function: str
    kind: str
    slot: tuple  # tokens [first, last)
    edit: tuple  # (first, last, text) of tokens to replace; statements are left out as a whole
    original: str  # the statement, or its head
    mutated: str
    number: int = 0  # among the like in its file
    id: int = 0

    @property
    def key(self):
        """What it is wherever it stands: independent of line numbers."""
        again = f" #{self.number}" if self.number else ""
        return f"{self.file} | {self.function} | {self.kind} | {self.original} | {self.mutated}{again}"

    def order(self, seed):
        return hashlib.sha256(f"{seed}|{self.key}".encode()).hexdigest()


class Finder:
    def __init__(self, file, text):
        self.file = file
        self.source = Source(text)
        self.tokens = self.source.tokens
        self.found = []

    def mutants(self):
        for function in self.source.functions:
            header = {self.source.word(i) for i in range(function.header, function.opens)}
            if header & {"constexpr", "consteval"}:
                continue
            self.function = function
            for i in range(function.opens + 1, function.closes):
                self._at(i)
        seen = {}
        for mutant in self.found:
            mutant.number = seen.get(mutant.key, 0)
            if mutant.number == 0:
                seen[mutant.key] = 1
            else:
                seen[mutant.key.rsplit(" #", 1)[0]] += 1
        return self.found

    def _at(self, i):
        word, source = self.source.word, self.source
        token = self.tokens[i]
        if token.kind == "word":
            if token.text in ("min", "max") and word(i - 1) == "::" and word(i - 2) == "std" and word(i + 1) in ("(", "<"):
                self._expression(i, "min-max", (i, i + 1, "max" if token.text == "min" else "min"))
            if token.text in ("first", "last") and word(i - 1) == "." and word(i + 1) == "(" and word(i + 2) != ")":
                self._expression(i, "first-last", (i, i + 1, "last" if token.text == "first" else "first"))
            if token.text == "if" and word(i + 1) == "(":
                self._guard(i)
        if token.kind != "op":
            return
        if token.text in SWAPS and source.is_spaced(i):
            self._expression(i, KINDS[token.text], (i, i + 1, SWAPS[token.text]))
            if KINDS[token.text] != "and-or":
                for literal in (i - 1, i + 1):
                    self._literal(i, literal)
        if token.text in (">", "<=") and source.is_spaced(i):
            self._beyond(i)
        if token.text == "*" and source.is_spaced(i) and re.fullmatch(r"[\d']+", word(i - 1)) and word(i - 2) in ("(", "+", "-", "<", ">", "<=", ">=", "="):
            self._expression(i, "factor", (i - 1, i + 1, ""))
        if token.text in ("+", "-") and source.is_spaced(i) and word(i + 1) == "1" and word(i + 2) not in ("*", "/", "%", "<<", "."):
            self._expression(i, "plus-minus-one", (i, i + 2, ""))
        if token.text in ("++", "--") and word(i - 1) in (";", "{", "}", ")", "else"):
            self._statement(i)
        if token.text in ASSIGNMENTS:
            self._statement(i)

    def _literal(self, operator, literal):
        token = self.tokens[literal]
        if not re.fullmatch(r"[\d']+[uUlL]*", token.text):
            return
        beyond = self.source.word(literal + (1 if literal > operator else -1))
        if beyond in ("*", "/", "%", "<<", ">>", "+", "-", "."):
            return
        digits = re.match(r"[\d']+", token.text).group()
        if len(digits) > 1 and digits[0] == "0":
            return
        self._expression(operator, "constant", (literal, literal + 1, str(int(digits.replace("'", "")) + 1) + token.text[len(digits):]))

    def _beyond(self, i):
        """`a > b` as `a > b + 1`."""
        end = i + 1
        while end < len(self.tokens) and self.source.parent[end] == self.source.parent[i]:
            text = self.source.word(end)
            if text in ("&&", "||", "?", ":", ",", ";", ")", "]", "}"):
                break
            if text in ("<<", ">>", "|", "^", "&", "==", "!="):
                return
            end = self.source.match[end] if text in ("(", "[", "{", "<") and self.source.match.get(end, -1) > end else end
            end += 1
        self._expression(i, "beyond", (end, end, "+ 1"))

    def _segment(self, i, opener, separators):
        """[first, last) between separators of one bracket's contents."""
        first, last = opener + 1, self.source.match[opener]
        for j in range(opener + 1, self.source.match[opener]):
            if self.source.parent[j] == opener and self.source.word(j) in separators:
                if j < i:
                    first = j + 1
                else:
                    last = j
                    break
        return first, last

    def _block_level(self, i):
        """The token of i's statement that lies directly in its block; None where what encloses i must not change."""
        while True:
            opener = self.source.parent[i]
            if opener < 0:
                return None
            text, before = self.source.word(opener), self.source.word(opener - 1)
            if text == "<" or (text == "(" and (before in NOT_MUTATED_CALLS or (before == "constexpr" and self.source.word(opener - 2) == "if"))):
                return None
            if text == "(" and before in ("switch", "catch"):
                return None
            if text == "[" and self.tokens[opener - 1].kind != "word" and before not in (")", "]", ">"):
                return None  # captures
            if text == "{" and self.source.is_block(opener):
                return i
            i = opener

    def _after_assignment(self, i, first, last):
        for j in self.source.top_level(first, last):
            if self.source.word(j) in ASSIGNMENTS and self.tokens[j].kind == "op":
                return j + 1 if j < i else None
        return first

    def _slot(self, i):
        opener = self.source.parent[i]
        text, before = self.source.word(opener), self.source.word(opener - 1)
        if text == "{" and self.source.is_block(opener):
            first, last = self.source.statement(i)
            if self.source.word(first) == "return":
                return (first + 1, last) if self.source.word(first + 1) != "{" else None
            start = self._after_assignment(i, first, last)
            return (start, last) if start is not None and start > first and self.source.word(start) != "{" else None
        if text == "(" and before in ("if", "while", "for"):
            first, last = self._segment(i, opener, {";"})
            if before == "for" and (last == self.source.match[opener] or self._holds(first, last, ":")):
                return None  # the step, or a range
            start = self._after_assignment(i, first, last)
            return None if start is None or (before == "for" and first == opener + 1 and start == first) else (start, last)
        first, last = self._segment(i, opener, {",", ";"})
        if self._holds(first, last, "=") or self.source.word(last) == ";":
            return None
        return first, last

    def _holds(self, first, last, text):
        return any(self.source.word(j) == text for j in self.source.top_level(first, last))

    def _expression(self, i, kind, edit):
        level = self._block_level(i)
        if level is None:
            return
        first, last = self.source.statement(level)
        if any(self.source.word(j) in NOT_MUTATED_STATEMENTS for j in range(first, min(first + 2, last))):
            return
        slot = self._slot(i)
        if slot is None or slot[0] >= slot[1] or any(self.source.word(j) == ";" for j in range(*slot)):
            return
        self._add(kind, slot, edit, first, last)

    def _guard(self, i):
        opener = i + 1
        closes = self.source.match[opener]
        if self._holds(opener + 1, closes, "=") or any(self.source.word(j) == ";" for j in range(opener, closes)):
            return
        level = self._block_level(i)
        if level is None:
            return
        for value in ("false", "true"):
            self._add(f"guard-{value}", (opener + 1, closes), (opener + 1, closes, value), i, closes + 1)

    def _statement(self, i):
        opener = self.source.parent[i]
        if opener < 0 or self.source.word(opener) != "{" or not self.source.is_block(opener) or self._block_level(i) is None:
            return
        first, last = self.source.statement(i)
        if self.source.word(last) != ";" or any(self.source.word(j) == ";" for j in range(first, last)):
            return
        if self.source.word(first) in NOT_MUTATED_STATEMENTS | {"return", "if", "for", "while", "const", "auto"}:
            return
        left = [j for j in self.source.top_level(first, i)]
        if self.tokens[i].text in ASSIGNMENTS:
            for a, b in zip(left, left[1:]):
                if self.tokens[b].kind == "word" and (self.tokens[a].kind == "word" or self.source.word(a) in (">", "&", "*")):
                    return  # a declaration
            if not left:
                return
        elif i != first:
            return
        self._add("dropped", (first, last + 1), (first, last + 1, ";"), first, last)

    def _add(self, kind, slot, edit, first, last):
        first, last = min(first, slot[0]), max(last, slot[1])
        if self.source.word(first - 1) == "(" and self.source.word(first - 2) in ("if", "while", "for"):
            first -= 2
        original = self.source.text_of(first, last)
        mutated = " ".join(filter(None, (self.source.text_of(first, edit[0]), edit[2], self.source.text_of(edit[1], last))))
        if kind.startswith("guard"):
            mutated = f"if ({edit[2]})"
        if len(original) > 160:  # what surrounds the change is enough
            first, last = max(first, edit[0] - 12), min(last, edit[1] + 12)
            original = self.source.text_of(first, last)
            mutated = " ".join(filter(None, (self.source.text_of(first, edit[0]), edit[2], self.source.text_of(edit[1], last))))
        line = self.source.line(self.tokens[edit[0]].start)
        self.found.append(Mutant(self.file, line, self.function.name, kind, slot, edit, original, mutated))


def rewrite(text, mutants):
    """The file with all of `mutants` in it, each asleep until its number is called. Lines keep their numbers."""
    source = Source(text)
    slots = {}
    for mutant in mutants:
        slots.setdefault((mutant.slot, mutant.kind == "dropped"), []).append(mutant)
    ordered = sorted(slots.items(), key=lambda item: (item[0][0][0], -item[0][0][1], not item[0][1]))

    def render(first, last, inside):
        """Source text from token first to the end of token last - 1, with the slots `inside` it rewritten."""
        out, at = [], source.tokens[first].start
        while inside:
            (slot, dropped), held = inside.pop(0)
            nested = []
            while inside and inside[0][0][0][0] < slot[1]:
                nested.append(inside.pop(0))
            out.append(text[at:source.tokens[slot[0]].start])
            body = render(slot[0], slot[1], nested)
            if dropped:
                out.append(f"{{ if (!countem_mutant({held[0].id})) {{ {body} }} }}")
            else:
                chain = "".join(f"countem_mutant({m.id}) ? ({variant(source, m)}) : " for m in held)
                out.append(f"({chain}({body}))")
            at = source.tokens[slot[1] - 1].end
        out.append(text[at:source.tokens[last - 1].end])
        return "".join(out)

    if not ordered:
        return text
    body = render(0, len(source.tokens), ordered)
    return text[:source.tokens[0].start] + body + text[source.tokens[-1].end:]


def variant(source, mutant):
    first, last = mutant.slot
    begin, end, by = mutant.edit
    return " ".join(filter(None, (source.text_of(first, begin), by, source.text_of(end, last))))
