# shellcheck shell=sh
# Building a CMake preset, quietly while all is well.

# configure_and_build PRESET [TARGET...]: into build/PRESET. Prints what it does where there is
# something to do, and the whole output where it fails; then exits 1.
configure_and_build() {
  _preset=$1
  shift
  _log=build/$_preset/build.log
  mkdir -p "build/$_preset"
  if [ ! -f "build/$_preset/build.ninja" ]; then
    echo "configuring build/$_preset" >&2
    if ! cmake --preset "$_preset" >"$_log" 2>&1; then
      cat "$_log" >&2
      echo "configuring failed, see above" >&2
      exit 1
    fi
  fi
  # Asking what there is to do costs a fraction of a second.
  if ! cmake --build --preset "$_preset" ${1:+--target "$@"} -- -n 2>/dev/null |
    grep -q 'no work to do'; then
    echo "building build/$_preset" >&2
  fi
  if ! cmake --build --preset "$_preset" ${1:+--target "$@"} >"$_log" 2>&1; then
    grep -v '^\[[0-9]*/[0-9]*\] ' "$_log" >&2 || cat "$_log" >&2
    echo "building failed, see above; the whole output is in $_log" >&2
    exit 1
  fi
}
