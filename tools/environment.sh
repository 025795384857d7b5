#!/bin/sh
# Make the virtual environment $1 hold this project (editable) with the extras $2 ("examples,test").
# Does nothing when it already does, so every make target may call it. Needs a Python 3.11 or later with
# venv, and a package index that pip can reach. PYTHON names the interpreter; without it the first that
# works is taken: a pyenv shim may be on the PATH and still refuse to run, so each candidate is tried out.
set -eu

environment=$1
extras=$2
wanted=$(cksum < pyproject.toml)

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

stamp() { # of one extra
    printf '%s/.installed-%s' "$environment" "$1"
}

is_current() {
    "$environment/bin/python" -c '' 2> /dev/null || return 1
    for extra in $(echo "$extras" | tr , ' '); do
        [ "$(cat "$(stamp "$extra")" 2> /dev/null)" = "$wanted" ] || return 1
    done
}

find_python() {
    without_venv=
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || continue
        if "$candidate" -c 'import ensurepip, venv' 2> /dev/null; then
            python=$candidate
            return
        fi
        without_venv=$candidate
    done
    [ -z "$without_venv" ] || die \
        "$without_venv cannot make virtual environments: its venv module is missing." \
        "  On Debian and Ubuntu: apt install python3-venv. Or name another: make PYTHON=/path/to/python"
    die "No working Python 3.11 or later found (tried: ${PYTHON:-python3.13, python3.12, python3.11, python3, python})." \
        "  Install one, or name it: make PYTHON=/path/to/python"
}

install() { # a failure shows pip's errors and what they usually mean
    log=$environment/install.log
    "$environment/bin/python" -m pip install -qq --disable-pip-version-check "$@" > "$log" 2>&1 || {
        grep -a 'ERROR: ' "$log" | head -n 4 >&2 || tail -n 4 "$log" >&2
        die "Installing failed (whole log: $log)." \
            "  Without a connection, point pip at a package index that can be reached (pip config, PIP_INDEX_URL)."
    }
}

if is_current; then exit 0; fi

if ! "$environment/bin/python" -c '' 2> /dev/null; then
    find_python
    echo "Making $environment with $("$python" --version)"
    "$python" -m venv --clear "$environment" || die "$python could not make $environment."
fi
echo "Installing podium[$extras] into $environment"
install -e ".[$extras]"
case $extras in
    *examples* | *dev*) install --no-deps "httpbin>=0.10.2" ;; # see pyproject.toml
esac
for extra in $(echo "$extras" | tr , ' '); do
    echo "$wanted" > "$(stamp "$extra")"
done
