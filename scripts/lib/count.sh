# shellcheck shell=sh
# Running ctest and adding up what passed, failed and was skipped, over one or several builds.

passed=0 failed=0 skipped=0
failures='' # a line for each and, indented, what it printed last: the end of a log tells all

# run_ctest PRESET [OPTION of ctest]...: tests of build/PRESET; what failed is printed in full.
run_ctest() {
  _preset=$1
  shift
  echo "testing build/$_preset" >&2
  _report=build/$_preset/tests.xml
  rm -f "$_report"
  ctest --test-dir "build/$_preset" --output-on-failure --output-junit tests.xml -j 2 "$@" || true
  # <testsuite tests=".." failures=".." disabled=".." skipped=".." ...>
  _header=$(tr '\n\t' '  ' <"$_report" 2>/dev/null | grep -o '<testsuite [^>]*>' | head -n 1) || _header=''
  if [ -z "$_header" ]; then
    note_failure "ctest wrote no report for build/$_preset"
    return 0
  fi
  _tests=$(junit_count tests "$_header")
  _failed=$(junit_count failures "$_header")
  _skipped=$(($(junit_count skipped "$_header") + $(junit_count disabled "$_header")))
  if [ "$_tests" = 0 ]; then
    note_failure "no test was run in build/$_preset"
  fi
  passed=$((passed + _tests - _failed - _skipped))
  failed=$((failed + _failed))
  skipped=$((skipped + _skipped))
  _told=$(/usr/bin/python3 scripts/lib/failures.py "$_preset" "$_report") ||
    _told="$_preset: $_failed tests, and their report cannot be read"
  failures=$failures${_told:+$_told
}
}

# note_failure WHAT: something that failed and is no test of ctest.
note_failure() {
  failed=$((failed + 1))
  failures="$failures$1
"
}

# The number of an attribute, 0 where there is none.
junit_count() {
  _number=$(printf '%s' "$2" | sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p")
  echo "${_number:-0}"
}

# A step that is no test of ctest: count_step NAME COMMAND...
count_step() {
  _name=$1
  shift
  echo "$_name" >&2
  if "$@"; then
    passed=$((passed + 1))
  else
    note_failure "$_name"
  fi
}

# What failed, by name, then the line that counts.
print_counts() {
  printf '%s' "$failures" | sed 's/^[^ ]/FAILED: &/'
  echo "$passed passed, $failed failed, $skipped skipped"
}
