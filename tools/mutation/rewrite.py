"""Finds the checks in C++ sources and rewrites each so that a number can switch it off at run time."""

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path

import clang.cindex as cindex
from clang.cindex import CursorKind, TypeKind

cindex.Config.set_library_file("/usr/lib/llvm-19/lib/libclang-19.so.1")

ORDERINGS = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
VERDICT_METHODS = {"check", "record", "fail"}
FUNCTIONS = {
    CursorKind.FUNCTION_DECL, CursorKind.CXX_METHOD, CursorKind.FUNCTION_TEMPLATE,
    CursorKind.CONSTRUCTOR, CursorKind.CONVERSION_FUNCTION,
}
LOOPS = {CursorKind.FOR_STMT, CursorKind.WHILE_STMT, CursorKind.DO_STMT}


@dataclass
class Mutant:
    """One switch: what stands in the file from `start` to `end` gets other text around it."""

    file: str
    start: int
    end: int
    kind: str
    function: str
    line: int
    snippet: str
    before: str
    after: str
    # (start, end, text) of an operator between the two that is replaced as well
    infix: tuple | None = None
    id: int = 0

    def key(self):
        """Names the mutant whatever its number and line are."""
        return f"{self.file}: {self.function}: {self.kind}: {self.snippet}"

    def place(self):
        """Where a person finds it."""
        return f"{self.file}:{self.line}: {self.function}: {self.kind}: {self.snippet}"


def _file_location(location):
    """The byte where `location` is written, also within a macro's argument."""
    file, line, column, offset = ctypes.c_void_p(), ctypes.c_uint(), ctypes.c_uint(), ctypes.c_uint()
    lookup = cindex.conf.lib.clang_getFileLocation
    lookup.argtypes = [cindex.SourceLocation] + [ctypes.c_void_p] * 4
    lookup(location, *(ctypes.byref(v) for v in (file, line, column, offset)))
    return offset.value


def mask(source):
    """The source with comments and the insides of literals blanked, byte for byte."""
    token = re.compile(rb"//[^\n]*|/\*.*?\*/|R\"\((?:.*?)\)\"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", re.S)
    def blank(match):
        text = match[0]
        if text[:1] == b"'" and re.match(rb"[0-9a-fA-F]", source[match.start() - 1:match.start()]):
            return text  # a digit separator
        return re.sub(rb"[^\n]", b" ", text) if text[:1] == b"/" else b'"' + re.sub(rb"[^\n]", b"_", text[1:-1]) + b'"'
    return token.sub(blank, source)


def closing(text, at):
    """The position of the parenthesis that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += {b"(": 1, b"{": 1, b"[": 1, b")": -1, b"}": -1, b"]": -1}.get(text[i:i + 1], 0)
        if depth == 0:
            return i
    raise ValueError("unbalanced parentheses")


class Finder:
    """Collects the mutants of every file of interest that one translation unit shows."""

    def __init__(self, root, wanted, flags):
        self.root = root
        self.flags = flags
        self.wanted = wanted  # paths relative to root
        self.found = {}
        self.texts = {}
        self.index = cindex.Index.create()

    def text(self, file):
        if file not in self.texts:
            source = (self.root / file).read_bytes()
            self.texts[file] = (source, mask(source))
        return self.texts[file]

    def parse(self, source):
        """Finds what `source` shows; returns the project's files it was made of."""
        unit = self.index.parse(str(self.root / source), args=self.flags)
        errors = [d for d in unit.diagnostics if d.severity >= cindex.Diagnostic.Error]
        if errors:
            raise RuntimeError(f"{source}: {errors[0]}")
        for cursor in unit.cursor.get_children():
            if cursor.location.file is None:
                continue
            path = Path(cursor.location.file.name).resolve()
            if not path.is_relative_to(self.root):
                continue
            file = str(path.relative_to(self.root))
            if file in self.wanted:
                _Walk(self, file).visit(cursor)
        included = {Path(i.include.name).resolve() for i in unit.get_includes()}
        return [source] + sorted(str(p.relative_to(self.root)) for p in included
                                 if p.is_relative_to(self.root))

    def add(self, mutant):
        at = (mutant.file, mutant.start, mutant.end)
        # What drops a guard or an operand drops the comparison that is all of it.
        same = [kind for kind in ("guard", "operand", "result") if (*at, kind) in self.found]
        if mutant.kind == "equality" and same:
            return
        if mutant.kind != "equality":
            self.found.pop((*at, "equality"), None)
        self.found.setdefault((*at, mutant.kind), mutant)


class _Walk:
    def __init__(self, finder, file):
        self.finder = finder
        self.file = file
        self.source, self.masked = finder.text(file)
        self.function = ""
        self.can_fail = False  # whether it returns a Result
        self.try_done = set()

    def span(self, cursor):
        return _file_location(cursor.extent.start), _file_location(cursor.extent.end)

    def code(self, start, end):
        return self.masked[start:end]

    def add(self, start, end, kind, before, after, infix=None):
        snippet = re.sub(r"\s+", " ", self.source[start:end].decode())
        line = self.source.count(b"\n", 0, start) + 1
        self.finder.add(
            Mutant(self.file, start, end, kind, self.function, line, snippet, before, after, infix))

    def visit(self, cursor, parent=None, in_loop=False, guarded=False):
        previous = self.function, self.can_fail
        if cursor.kind == CursorKind.LAMBDA_EXPR:
            head = self.code(*self.span(cursor)).split(b"{")[0]
            self.can_fail = re.search(rb"->\s*(Result|Status)\b", head) is not None
        if cursor.kind in FUNCTIONS:
            self.function = cursor.spelling
            result = cursor.result_type.get_canonical().spelling
            self.can_fail = "Result<" in result and "unexpected<" not in result
            self.prepare_verdict(cursor)
            self.find_try(cursor)
        if not in_loop:
            self.find(cursor, guarded)
        children = list(cursor.get_children())
        for i, child in enumerate(children):
            loop = in_loop
            if cursor.kind in LOOPS and self.is_loop(cursor):
                body = 0 if cursor.kind == CursorKind.DO_STMT else len(children) - 1
                loop = i != body
            elif child.kind == CursorKind.COMPOUND_STMT:
                loop = False  # a lambda's body within a loop's condition
            self.visit(child, cursor, loop, self.is_guarded(cursor, child, guarded))
        self.function, self.can_fail = previous

    def is_loop(self, cursor):
        start, end = self.span(cursor)
        return re.match(rb"(for|while|do)\b", self.code(start, end)) is not None

    def is_guarded(self, cursor, child, guarded):
        """Whether a failure returned in `child` is gone once the guard around it never fires."""
        if cursor.kind == CursorKind.IF_STMT and self.span(child)[0] > self.condition(cursor)[1]:
            children = list(cursor.get_children())
            start, end = self.span(cursor)
            has_else = len(children) > 1 and re.search(
                rb"\belse\s*$", self.code(start, self.span(children[-1])[0]))
            return not (has_else and child == children[-1])
        if cursor.kind == CursorKind.COMPOUND_STMT:
            return guarded and child.kind == CursorKind.RETURN_STMT
        return False

    def condition(self, cursor):
        """The parentheses of an if statement."""
        start, end = self.span(cursor)
        match = re.match(rb"if\s*\(", self.code(start, end))
        if not match:
            return start, end
        opening = start + match.end() - 1
        return opening, closing(self.masked, opening)

    def find(self, cursor, guarded):
        if cursor.kind == CursorKind.IF_STMT:
            self.find_guard(cursor)
        elif cursor.kind in (CursorKind.BINARY_OPERATOR, CursorKind.CALL_EXPR):
            self.find_operator(cursor)
        if cursor.kind == CursorKind.CALL_EXPR:
            self.find_verdict(cursor)
        elif cursor.kind == CursorKind.RETURN_STMT:
            self.find_return(cursor, guarded)

    def find_guard(self, cursor):
        opening, end = self.condition(cursor)
        if self.code(opening, opening + 1) != b"(":
            return  # `if constexpr`, or not written here
        start = opening + 1
        depth = 0
        for i in range(start, end):
            depth += {b"(": 1, b"{": 1, b"[": 1, b")": -1, b"}": -1, b"]": -1}.get(self.code(i, i + 1), 0)
            if depth == 0 and self.code(i, i + 1) == b";":
                start = i + 1
        while self.code(start, start + 1).isspace():
            start += 1
        if any(self.span(child) == (start, end) and child.kind == CursorKind.VAR_DECL
               or child.kind == CursorKind.DECL_STMT and self.span(child)[0] == start
               for child in cursor.get_children()):
            return self.find_declaring_guard(start, end)
        self.add(start, end, "guard", "(!::mutation::on({id}) && (", "))")

    def find_declaring_guard(self, start, end):
        name = re.search(rb"(\w+)\s*=[^=]", self.code(start, end))
        if name:
            self.add(start, end, "guard", "", f"; !::mutation::on({{id}}) && bool({name[1].decode()})")

    def find_operator(self, cursor):
        children = list(cursor.get_children())
        if cursor.kind == CursorKind.CALL_EXPR:
            if not cursor.spelling.startswith("operator") or len(children) != 3:
                return
            children = [children[0], children[2]]
        if len(children) != 2:
            return
        (start, left), (right, end) = map(self.span, children)
        if not start < left <= right < end:
            return
        between = self.code(left, right)
        operator = between.strip().decode()
        if operator in ("&&", "||"):
            neutral = ("(::mutation::on({id}) || (", "))") if operator == "&&" else ("(!::mutation::on({id}) && (", "))")
            self.add(start, left, "operand", *neutral)
            self.add(right, end, "operand", *neutral)
        elif operator in ("==", "!="):
            around = ("(::mutation::on({id}) || (", "))") if operator == "==" else ("(!::mutation::on({id}) && (", "))")
            self.add(start, end, "equality", *around)
        elif operator in ORDERINGS:
            self.add(start, end, "boundary", f"::mutation::{ORDERINGS[operator]}({{id}}, (", "))",
                     (left, right, "), ("))

    def find_verdict(self, cursor):
        method = cursor.referenced
        if method is None or method.kind not in (CursorKind.CXX_METHOD, CursorKind.FUNCTION_TEMPLATE):
            return
        owner = method.semantic_parent
        if method.spelling not in VERDICT_METHODS or owner.kind != CursorKind.CLASS_DECL:
            return
        if self.function in VERDICT_METHODS:
            return  # one recorder handing on to the next
        start, end = self.span(cursor)
        self.add(start, end, "pass", "(::mutation::Quiet({id}), ", ")")

    def find_return(self, cursor, guarded):
        start, end = self.span(cursor)
        text = self.code(start, end)
        if not text.startswith(b"return"):
            return
        children = list(cursor.get_children())
        if not children:
            return
        first, last = self.span(children[0])
        if self.is_failure(children[0]):
            if not guarded and self.can_fail:
                self.add(first, last, "failure", "::mutation::failure({id}, ", ")")
        elif children[0].type.get_canonical().spelling == "confide::Result<void>":
            if self.code(first, last) != b"{}":
                self.add(first, last, "tail", "::mutation::ignore({id}, ", ")")
        elif children[0].type.get_canonical().kind == TypeKind.BOOL:
            self.find_predicate(children[0], first, last)

    def is_failure(self, expression):
        span = self.span(expression)
        while True:
            if "unexpected<" in expression.type.get_canonical().spelling:
                return True
            inner = [c for c in expression.get_children() if self.span(c) == span]
            if len(inner) != 1:
                return False
            expression = inner[0]

    def find_predicate(self, expression, start, end):
        text = self.code(start, end)
        if text in (b"true", b"false") or self.joins(expression):
            return
        self.add(start, end, "result", "(::mutation::on({id}) || (", "))")
        # Its own kind, so that both stand beside each other.
        self.add(start, end, "result false", "(!::mutation::on({id}) && (", "))")

    def joins(self, expression):
        """Whether && or || is its outermost operator."""
        while True:
            if expression.kind == CursorKind.BINARY_OPERATOR and expression.spelling in ("&&", "||"):
                return True
            inner = list(expression.get_children())
            if len(inner) != 1 or expression.kind not in (CursorKind.UNEXPOSED_EXPR, CursorKind.PAREN_EXPR):
                return False
            expression = inner[0]

    def find_try(self, cursor):
        start, end = self.span(cursor)
        for match in re.finditer(rb"\bTRY\(", self.masked[start:end]):
            opening = start + match.end() - 1
            if opening not in self.try_done:
                self.try_done.add(opening)
                self.add(opening + 1, closing(self.masked, opening), "try", "::mutation::ignore({id}, ", ")")

    def prepare_verdict(self, cursor):
        """Makes recorders heed Quiet: not mutants themselves, so they get no number."""
        start, end = self.span(cursor)
        text = self.code(start, end)
        body = text.find(b"{")
        if cursor.spelling not in ("check", "fail") or body < 0 or not cursor.is_definition():
            return
        owner = cursor.semantic_parent
        if owner.kind != CursorKind.CLASS_DECL:
            return
        parameter = re.search(rb"const (?:confide::)?Status& (\w+)", text[:body])
        if cursor.spelling == "check" and parameter:
            name = parameter[1].decode()
            at = start + parameter.start(1)
            self.patch(at, at, f"confide_given_", "")
            self.patch(start + body + 1, start + body + 1,
                       f" const ::confide::Status& {name} = ::mutation::take_quiet() ? ::mutation::kPass"
                       f" : confide_given_{name};", "")
        elif cursor.spelling == "fail":
            self.patch(start + body + 1, start + body + 1,
                       " if (::mutation::take_quiet()) return pass(std::move(id), std::move(detail));", "")

    def patch(self, start, end, before, after):
        self.finder.found.setdefault(
            (self.file, start, end, "patch"),
            Mutant(self.file, start, end, "patch", self.function, 0, "", before, after))


def rewrite(source, mutants):
    """The source with every one of its mutants built in."""
    edits = []  # (position, order at that position, text, bytes replaced)
    for m in mutants:
        size = m.end - m.start
        # What closes comes first, the inner before the outer; what opens, the outer first.
        edits.append((m.start, (1, -size, m.infix is not None), m.before.format(id=m.id), 0))
        edits.append((m.end, (0, size, m.infix is None), m.after.format(id=m.id), 0))
        if m.infix:
            start, end, text = m.infix
            edits.append((start, (0, len(source), False), text, end - start))
    out, at = [], 0
    for position, _, text, replaced in sorted(edits, key=lambda e: e[:2]):
        out.append(source[at:position])
        out.append(text.encode())
        at = position + replaced
    out.append(source[at:])
    return b'#include "mutation_runtime.h"\n#line 1\n' + b"".join(out)
