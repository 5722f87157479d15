# Defines `with_uv`: runs uv, which is fetched into the clone when the machine has none.
# Meant to be sourced by the other scripts, from the root of the clone or with `clone` set to it.

clone=${clone:-.}

fail() {
    echo "$0: $*" >&2
    exit 1
}

fetch_uv() {
    python=$(command -v python3 || command -v python) || fail "needs uv, or Python 3.11 or newer to fetch it"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$python is $("$python" -V 2>&1); needs Python 3.11 or newer, or uv (https://docs.astral.sh/uv)"
    echo "$0: no uv on this machine; fetching it into .uv" >&2
    # Debian's python3 makes an environment without pip unless python3-venv is installed.
    "$python" -m venv --clear "$clone/.uv" >/dev/null 2>&1 ||
        fail "$python cannot make an environment; on Debian and Ubuntu: apt install python3-venv"
    "$clone/.uv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --require-hashes --requirement "$clone/scripts/uv.txt" ||
        fail "could not fetch uv with pip"
}

with_uv() {
    if command -v uv >/dev/null; then
        uv "$@"
        return
    fi
    [ -x "$clone/.uv/bin/uv" ] || fetch_uv
    "$clone/.uv/bin/uv" "$@"
}
