# shellcheck shell=sh
# Finding a Python that has the modules a script needs: the first python3 on PATH may be a pyenv or
# conda one, which lacks what Debian's packages installed.

# find_python MODULE=PACKAGE...: sets `python` to the first interpreter that has every module. Where
# none has, says which Debian packages bring them and exits 3. STACKHEAP_PYTHON overrides the search.
find_python() {
  _modules='' _packages=''
  for _pair in "$@"; do
    _modules="$_modules ${_pair%%=*}"
    _packages="$_packages ${_pair#*=}"
  done
  for python in ${STACKHEAP_PYTHON:+"$STACKHEAP_PYTHON"} python3 /usr/bin/python3; do
    # shellcheck disable=SC2086 # one argument for each module
    if "$python" -c 'import importlib.util as u, sys
sys.exit(not (sys.version_info >= (3, 9) and all(map(u.find_spec, sys.argv[1:]))))' \
      $_modules 2>/dev/null; then
      return 0
    fi
  done
  echo "no Python 3.9 or newer with$_modules; install with: sudo apt-get install$_packages" >&2
  exit 3
}
