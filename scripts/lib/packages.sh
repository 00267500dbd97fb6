# shellcheck shell=sh
# The one list of Debian packages, and installing what is missing of it.

# What each step needs. scudo comes with LLVM's runtimes; the newest packaged one is added below.
packages_build='g++ cmake ninja-build pkg-config libbenchmark-dev libtbb-dev libboost-context-dev
libboost-dev libboost-math-dev libcli11-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev
libhwloc-dev libssl-dev'
packages_run='libjemalloc2 libmimalloc2.0 libtcmalloc-minimal4 libtbbmalloc2 python3-pandas
python3-matplotlib python3-plotly'
packages_test='libgtest-dev librapidcheck-dev python3-scipy util-linux chromium chromium-driver
python3-selenium faketime'
packages_lint='clang clang-tidy clang-format libclang-rt-dev shellcheck valgrind'

# The newest libclang-rt-N-dev that is installed, else that apt offers.
scudo_package() {
  _newest=$(dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' 'libclang-rt-*-dev' 2>/dev/null |
    sed -n 's/^\(libclang-rt-[0-9]*-dev\) ii.*/\1/p' | sort -t- -k3n | tail -n 1)
  if [ -z "$_newest" ] || [ "$_newest" = libclang-rt-14-dev ]; then
    _offered=$(apt-cache pkgnames libclang-rt- 2>/dev/null | grep -E '^libclang-rt-[0-9]+-dev$' |
      sort -t- -k3n | tail -n 1)
    [ -z "$_offered" ] || _newest=$_offered
  fi
  echo "${_newest:-libclang-rt-19-dev}"
}

# Those of the given packages that are not installed.
missing_packages() {
  for _package in "$@"; do
    _status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$_package" 2>/dev/null) || _status=''
    case $_status in
      ii*) ;;
      *) echo "$_package" ;;
    esac
  done
}

# ensure_packages SET...: installs what is missing of build, run, test and lint, by apt. As root, or
# by sudo where that asks no password; where neither is possible it prints the one command that
# would do it and exits 3. Silent and quick where nothing is missing.
ensure_packages() {
  if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "this is no Debian system (no dpkg-query): install the equivalents of the packages named in" \
      "scripts/lib/packages.sh, then build with: cmake --preset release && cmake --build --preset release" >&2
    exit 3
  fi
  _wanted=''
  for _set in "$@"; do
    case $_set in
      build) _wanted="$_wanted $packages_build" ;;
      run) _wanted="$_wanted $packages_run $(scudo_package)" ;;
      test) _wanted="$_wanted $packages_test" ;;
      lint) _wanted="$_wanted $packages_lint" ;;
      *)
        echo "ensure_packages: unknown set '$_set'" >&2
        exit 2
        ;;
    esac
  done
  # shellcheck disable=SC2086 # one argument for each package
  _missing=$(missing_packages $_wanted | tr '\n' ' ')
  _missing=${_missing% }
  [ -n "$_missing" ] || return 0
  if [ "$(id -u)" = 0 ]; then
    _sudo=''
  elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    _sudo='sudo'
  else
    echo "packages are missing and this user may not install them; run:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends $_missing" >&2
    exit 3
  fi
  echo "installing $_missing" >&2
  # shellcheck disable=SC2086
  if ! $_sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    $_missing >/dev/null 2>&1; then
    # A machine whose package lists are missing or old: once more with new ones.
    echo "refreshing the package lists" >&2
    $_sudo apt-get update >&2
    # shellcheck disable=SC2086
    if ! $_sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      $_missing >&2; then
      echo "apt could not install these packages (its reason is above): $_missing" >&2
      exit 3
    fi
  fi
}
