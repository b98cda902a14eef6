#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A public header as Doxygen wants it: `//` becomes `///` where it documents something.

    doxygen_filter.py include/umcg/mutex.h

A comment documents the declarations below it, up to a blank line, another comment or the end of the
scope: overloads that share a contract are one group. The comment at the top is that of the file,
with its example as a code block; a class without words of its own points there.
"""

import pathlib
import re
import sys

COMMENT = re.compile(r"^( *)// ?(?!NOLINT)(.*)$")
SCOPE = re.compile(r"^\s*(template\b.*>\s*)?(class\b|struct\b|enum\b|union\b|namespace\b|extern \"\")")
CLASS = re.compile(r"^(template\b.*> )?(requires .*)?(class|struct) \w.*\{")
STD_SHAPED = re.compile(r"\b(\w+_(for|until)|max|swap|operator=)\(")
DECLARATION = re.compile(r"^ *(?!using std|using umcg|namespace|public:|private:|protected:|friend struct|[}#/])\w")
MADE = re.compile(r"= (default|delete);$")


def file_comment(lines):
    """The lines of the comment at the top as Doxygen's, and what follows it."""
    count = next(i for i, line in enumerate(lines) if not line.startswith("//"))
    out = ["///", "/// \\file"]
    code = False
    for line in lines[1:count]:
        text = line[3:]
        is_code = text.startswith("    ")
        if is_code != code and (is_code or text):
            out.append("/// \\code{.cpp}" if is_code else "/// \\endcode")
            code = is_code
        if not code:
            text = re.sub(r"^[a-z_]+\.h - ", "", text)
        out.append(f"/// {text[4:] if code else text}")
    if code:
        out.append("/// \\endcode")
    return out, lines[count:]


class Scopes:
    """Which braces are open: those of declarations, or of anything else."""

    def __init__(self):
        self._open = []
        self._statement = ""
        self._in_macro = False

    def declares(self):
        return all(self._open)

    def at_start(self):
        """Whether a declaration may begin here."""
        return self.declares() and not self._statement.strip()

    def feed(self, line):
        is_macro = self._in_macro or line.startswith("#")
        self._in_macro = is_macro and line.endswith("\\")
        if is_macro:
            return
        code = re.sub(r"//.*|\"(\\.|[^\"])*\"", lambda m: '""' if m[0][0] == '"' else "", line)
        for part in re.findall(r"[{};]|[^{};]+", code):
            if part == "{":
                is_scope = SCOPE.match(self._statement.replace("UMCG_API ", "")) is not None
                self._open.append(is_scope)
                self._statement = ""
            elif part in "};":
                if part == "}" and self._open:
                    self._open.pop()
                self._statement = ""
            elif part.strip() not in ("public:", "private:", "protected:"):
                self._statement += part


def without_internals(header, lines):
    """Protected members are there for templates, and so are most namespaces internal."""
    end = None
    for line in lines:
        starts = {"namespace internal {": "}  .. namespace internal", " protected:": " private:|};"}
        if header in ("fiber.h", "future.h", "future_base.h"):  # bases with public members
            del starts["namespace internal {"]
        if end is None and line in starts:
            end = starts[line]
            yield line
            yield "/// \\cond"
            continue
        if end is not None and re.match(end, line):
            end = None
            yield "/// \\endcond"
        yield line


def default_comment(header, line):
    """For what needs no words of its own."""
    if MADE.search(line):
        yield "/// By the compiler."
    elif CLASS.match(line):
        yield f"/// \\ref {header} says what it is for."
    elif re.match(r"^ *using \w+ = ", line):
        yield "/// Another name."
    elif STD_SHAPED.search(line) or header == "std_names.h" and DECLARATION.match(line):
        yield "/// As in the standard library."


def documented(header, lines):
    scopes = Scopes()
    comment = []
    grouped = False

    def close():
        nonlocal grouped
        if grouped:
            grouped = False
            return ["///@}"]
        return []

    for number, line in enumerate(lines):
        found = COMMENT.match(line)
        if found and scopes.declares():
            if not comment:
                yield from close()
            comment.append(f"{found[1]}/// {found[2]}")
            continue
        if comment:
            if line.strip() and (line.startswith("#define") or not line.startswith("#")):
                yield "///@{"
                yield from comment
                grouped = True
            comment = []
        elif not line.strip() or re.match(r"^\s*((public|private|protected):|}|#(?!define))", line):
            if scopes.declares():
                yield from close()
        if scopes.at_start() and not grouped:
            count = 3 if "template <" in line else 1
            yield from default_comment(header, " ".join(lines[number:number + count]))
        if (scopes.declares() or "{" not in line) and not line.startswith("}"):
            line = re.sub(r"(?<=\S) {2,}// (?!NOLINT|clang-format)", "  ///< ", line)
        scopes.feed(line)
        yield line
    yield from close()


def main():
    header = pathlib.Path(sys.argv[1])
    text = header.read_text(encoding="utf-8").replace("umcg::inline v0", "umcg")
    text = re.sub(r"template <>\nstruct std::.*?\n};\n", "", text, flags=re.DOTALL)
    top, rest = file_comment(text.splitlines())
    print("\n".join([*top, *without_internals(header.name, documented(header.name, rest))]))


if __name__ == "__main__":
    main()
