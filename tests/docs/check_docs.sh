#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_docs.sh SOURCE_DIR: the example in the README is examples/hello.cc, to the letter; so are the
# quotes and diffs in docs/, each of which names its files in a comment before it; and every file that a page
# of docs/ or the README links to is there, as is every test that docs/umcg.md names.
set -euo pipefail
cd "$1"

# The first C++ block of the README; the file without its licence line and its title.
diff -u --label README.md --label examples/hello.cc \
  <(awk '/^```cpp$/ { inside = 1; next } /^```$/ && inside { exit } inside' README.md) \
  <(sed '1,2d' examples/hello.cc)

failed=0
for page in README.md docs/*.md; do
  while read -r target; do
    [[ -e $(dirname "$page")/${target%%#*} ]] || {
      echo "$page: no such file: $target"
      failed=1
    }
  done < <(awk '/^```/ { code = !code } !code' "$page" | grep -oE '\]\([^)]+\)' | sed 's/^](//; s/)$//' | grep -vE '^(https?:|#)')
done

# A comment "quote: FILE", then a block that is the file without its licence line and its title.
quotes=0
while IFS=: read -r page line marker; do
  file=$(sed -E 's/^<!-- quote: (.*) -->$/\1/' <<<"$marker")
  diff -u --label "$page" --label "$file" \
    <(tail -n +"$((line + 2))" "$page" | sed '/^```$/,$d') <(sed '1,2d' "$file") || failed=1
  quotes=$((quotes + 1))
done < <(grep -n '^<!-- quote: ' docs/*.md)
((quotes >= 6)) || {
  echo "only $quotes quotes were found in docs/"
  failed=1
}

# A comment "excerpt: FILE", then a block that is a piece of the file, but for its indentation.
while IFS=: read -r page line marker; do
  file=$(sed -E 's/^<!-- excerpt: (.*) -->$/\1/' <<<"$marker")
  excerpt=$(tail -n +"$((line + 2))" "$page" | sed '/^```$/,$d; s/^ *//')
  [[ $excerpt && $(sed 's/^ *//' "$file") == *"$excerpt"* ]] || {
    echo "$page:$line: not to be found in $file"
    failed=1
  }
done < <(grep -n '^<!-- excerpt: ' docs/*.md)

# A comment "diff: FILE FILE", then a block with their difference, without licence lines and titles.
while IFS=: read -r page line marker; do
  read -r before after < <(sed -E 's/^<!-- diff: (.*) -->$/\1/' <<<"$marker")
  diff -u --label "$page" --label "$before $after" \
    <(tail -n +"$((line + 2))" "$page" | sed '/^```$/,$d') \
    <(diff -U1 <(sed 1,8d "$before") <(sed 1,8d "$after") | sed 1,2d) || failed=1
done < <(grep -n '^<!-- diff: ' docs/*.md)

# The examples that the tables of a page name in their last column, and those that there are.
same_examples() {
  diff -u --label "$1" --label "$2" \
    <(grep -oE '`[A-Za-z]+`' <(grep '^|' "$1" | awk -F'|' '{ print $(NF - 1) }') |
      tr -d '`' | sort -u) \
    <(sed -nE 's/^TEST(_F)?\([A-Za-z]+, ([A-Za-z]+)\).*/\2/p' "$2" | sort) || failed=1
}
same_examples docs/thread-identity.md tests/docs/thread_rules_test.cc
same_examples docs/synchronisation.md tests/docs/synchronisation_test.cc
# The code in the comments of the public headers: indented by four, in a file of its own for all of
# it. Layout and comments may differ.
code_only() { sed 's://.*::' | tr -d ' \n'; }
compiled=$(code_only <tests/docs/api_examples_test.cc)
blocks=0
while IFS= read -r -d $'\f' block; do
  [[ -n $block ]] || continue
  blocks=$((blocks + 1))
  [[ $compiled == *"$(code_only <<<"$block")"* ]] || {
    printf 'tests/docs/api_examples_test.cc lacks this example of a header:\n%s\n' "$block"
    failed=1
  }
done < <(awk '/^ *\/\/     / { sub(/^ *\/\/ /, ""); print; inside = 1; next } inside { printf "\f"; inside = 0 }' \
  include/umcg/*.h include/umcg/internal/*.h)
((blocks >= 30)) || {
  echo "only $blocks examples were found in the headers"
  failed=1
}

# The tests and mutants that the table of docs/umcg.md names.
named=$(sed -n '/<!-- tests named/,/<!-- end of tests/p' docs/umcg.md)
tests=$(grep -oE '`[A-Z][A-Za-z0-9]+\.[A-Z][A-Za-z0-9]+`' <<<"$named" | tr -d '`' | sort -u)
[[ $(wc -l <<<"$tests") -ge 30 ]] || {
  echo "docs/umcg.md: only these tests were found: $tests"
  failed=1
}
for test in $tests; do
  grep -rqE "^TEST(_F|_P)?\(${test%.*}, ${test#*.}\)" tests || {
    echo "docs/umcg.md: no such test: $test"
    failed=1
  }
done
for mutant in $(grep -oE 'mutant [A-Z_]+' <<<"$named" | sed 's/mutant //' | sort -u); do
  grep -rqF " * MUTANT $mutant " tests/models || {
    echo "docs/umcg.md: no such mutant: $mutant"
    failed=1
  }
done
exit $failed
