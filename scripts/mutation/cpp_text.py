"""C++ text as tokens: brackets, functions, statements. Relies on clang-format's spaces: `a < b` compares, `a<b>` is a template."""

import dataclasses
import re

TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<directive>(?m:^[ \t]*)\#(?:\\.|[^\\\n])*)
      | (?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<raw>R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)")
      | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
      | (?P<char>(?:u8|[uUL])?'(?:\\.|[^'\\\n])*')
      | (?P<number>\.?\d(?:[eEpP][+-]|'?[\w.])*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<op><<=|>>=|<=>|->\*|\.\.\.|::|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|->|\+=|-=|\*=|/=|%=|&=|\|=|\^=|.)""",
    re.S | re.X)

CLOSERS = {"(": ")", "[": "]", "{": "}", "<": ">"}
SCOPES = {"namespace", "class", "struct", "union", "enum", "extern"}


@dataclasses.dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int


@dataclasses.dataclass
class Function:
    name: str
    header: int  # token where its declaration begins
    opens: int   # its brace
    closes: int


class Source:
    """Tokens of a file. `match[i]`: the other bracket of a pair; `parent[i]`: the innermost bracket that encloses token i, or -1."""

    def __init__(self, text):
        self.text = text
        self.tokens = []
        at = 0
        while at < len(text):
            found = TOKEN.match(text, at)
            # A directive begins its line: the expression's ^ sees that only where nothing but space precedes it.
            if found.lastgroup == "op" and found.group() == "#":
                line_end = re.compile(r"(?:\\.|[^\\\n])*", re.S).match(text, at).end()
                at = line_end
                continue
            kind = "raw" if found.group("raw") else found.lastgroup
            if kind not in ("space", "comment", "directive"):
                self.tokens.append(Token(kind, found.group(), at, found.end()))
            at = found.end()
        self.line_starts = [0] + [m.end() for m in re.finditer("\n", text)]
        self._pair()
        self.functions = list(self._functions())

    def line(self, position):
        low, high = 0, len(self.line_starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.line_starts[middle] <= position else (low, middle)
        return low + 1

    def text_of(self, first, last):
        """The tokens [first, last) with one space where the source has some: no comments, no line ends."""
        parts = []
        for i in range(first, last):
            if i > first and self.tokens[i].start > self.tokens[i - 1].end:
                parts.append(" ")
            parts.append(self.tokens[i].text)
        return "".join(parts)

    def is_spaced(self, i):
        token = self.tokens[i]
        return self.text[token.start - 1:token.start].isspace() and self.text[token.end:token.end + 1].isspace()

    def word(self, i):
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def _pair(self):
        self.match, self.parent, stack = {}, [], []
        for i, token in enumerate(self.tokens):
            text = token.text if token.kind == "op" else ""
            if text in (")", "]", "}"):
                while stack and self.tokens[stack[-1]].text == "<":
                    stack.pop()  # it was no bracket
                if stack:
                    self.match[i] = stack.pop()
                    self.match[self.match[i]] = i
            elif text in (">", ">>") and not self.text[token.start - 1:token.start].isspace():
                for _ in text:
                    if stack and self.tokens[stack[-1]].text == "<":
                        self.match[i] = stack.pop()
                        self.match[self.match[i]] = i
            self.parent.append(stack[-1] if stack else -1)
            if text in ("(", "[", "{"):
                stack.append(i)
            elif text == "<" and self.word(i - 1) != "operator":
                spaced = self.text[token.start - 1:token.start].isspace()
                if not spaced or self.word(i - 1) == "template":
                    stack.append(i)

    def top_level(self, first, last):
        """Indices of [first, last) that no bracket which opens there encloses; of a pair both brackets are named."""
        i = first
        while i < last:
            yield i
            other = self.match.get(i, -1)
            if other > i and self.tokens[i].text in CLOSERS:
                if other >= last:
                    return
                yield other
                i = other
            i += 1

    def _functions(self):
        i = header = 0
        while i < len(self.tokens):
            text = self.tokens[i].text if self.tokens[i].kind == "op" else ""
            if text == "{":
                kind = self._brace_kind(header, i)
                if kind == "scope":
                    header = i + 1
                elif kind == "function":
                    closes = self.match.get(i, len(self.tokens) - 1)
                    yield Function(self._name(header, i), header, i, closes)
                    i, header = closes, closes + 1
                else:
                    i = self.match.get(i, i)
            elif text in (";", "}"):
                header = i + 1
            i += 1

    def _brace_kind(self, header, brace):
        top = list(self.top_level(header, brace))
        words = {self.word(i) for i in top}
        parens = [i for i in top if self.word(i) == "("]
        if words & SCOPES and not (parens and words & {"struct", "class"} and self.word(brace - 1) in (")", "const", "noexcept")):
            return "skipped" if "enum" in words else "scope"
        assigned = any(self.word(i) == "=" and self.word(i - 1) != "operator" for i in top)
        if not parens or assigned:
            return "skipped"
        initialised = any(self.word(i) == ":" and i > parens[0] for i in top)
        return "skipped" if initialised and self.tokens[brace - 1].kind == "word" else "function"

    def _name(self, header, brace):
        for i in self.top_level(header, brace):
            if self.word(i) == "(":
                if self.word(i - 1) == "operator":
                    return "operator()"
                if self.word(i - 1) in ("TEST", "TEST_F", "TEST_P", "TYPED_TEST"):
                    return self.text_of(i + 1, self.match[i])  # suite, test
                return ("operator" + self.word(i - 1)) if self.word(i - 2) == "operator" else self.word(i - 1)
        return "?"

    def is_block(self, brace):
        """Whether the braces hold statements rather than values."""
        closes = self.match.get(brace, brace)
        if closes == brace + 1:
            return self.tokens[brace - 1].text in (")", ";", "{", "}", "else", "do", "try", "const", "mutable", "noexcept")
        return any(self.parent[i] == brace and (self.tokens[i].text == ";" or (self.tokens[i].text == "}" and self.is_block(self.match[i])))
                   for i in range(brace + 1, closes) if i in self.match or self.tokens[i].text == ";")

    def statement(self, i):
        """[first, last) of the statement that token i is part of; i lies directly in a block. `last` is its semicolon or control brace."""
        block = self.parent[i]
        first = i
        while first - 1 > block:
            before = first - 1
            text = self.word(before)
            if text == ";" or text in ("else", "do"):
                break
            if text == ":" and self._is_label(before):
                break
            if text == "}" and self.is_block(self.match[before]) and not self._is_lambda(self.match[before]):
                break
            if text == ")" and self.word(self.match[before] - 1) in ("if", "for", "while", "switch", "constexpr", "catch"):
                break
            first = self.match[before] if text in (")", "]", "}", ">") and before in self.match else before
        last = i
        while last < len(self.tokens) and self.word(last) != ";" and not (self.word(last) == "{" and self.is_block(last) and not self._is_lambda(last)):
            last = self.match[last] if self.word(last) in CLOSERS and self.match.get(last, -1) > last else last
            last += 1
            if self.word(last) == "}":
                break
        return first, last

    def _is_label(self, colon):
        return self.word(colon - 1) == "default" or any(self.word(i) == "case" for i in range(max(0, colon - 6), colon)) and \
            not any(self.word(i) in (";", "?", "{") for i in range(max(0, colon - 4), colon))

    def _is_lambda(self, brace):
        """Whether a block is a lambda's body: [..](..) mutable -> type {"""
        i = brace - 1
        while i > 0 and (self.tokens[i].kind == "word" or self.word(i) in ("->", "::", ">", "&", "*")) and self.word(i) not in ("else", "do", "try"):
            i = self.match[i] - 1 if self.word(i) == ">" and i in self.match else i - 1
        if self.word(i) == ")":
            i = self.match[i] - 1
        return self.word(i) == "]" or (self.word(i) == ">" and i in self.match and self.word(self.match[i] - 1) == "]")
