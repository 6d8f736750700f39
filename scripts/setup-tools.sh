#!/usr/bin/env bash
# Installs what tests, load tests and benchmarks need beside npm packages, where it is missing, and says what it does.
# Needs nothing when all is there. Without root or network it says what to install and exits 1.
#
#   scripts/setup-tools.sh [tool...]     default: all of redis-server chromium curl jq script nginx wrk taskset cc k6 schemathesis
#
# k6 is built from source into ${XDG_CACHE_HOME:-$HOME/.cache}/bandit-gateway/bin, where loadtest/ looks first; schemathesis is installed with pip
# into a virtual environment beside it, where test/tools/ looks.
set -euo pipefail

K6_MODULE=go.k6.io/k6
K6_VERSION=v1.8.1
K6_GO_MINOR=21 # from Go 1.21 on, `go install` fetches the newer toolchain that k6 asks for
SCHEMATHESIS_VERSION=4.32.5
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/bandit-gateway"
CACHE_BIN="$CACHE/bin"

# Debian keeps nginx in /usr/sbin, which is not on every user's PATH.
export PATH="$CACHE_BIN:$PATH:/usr/sbin:/sbin"

say() { printf 'setup: %s\n' "$*"; }
has() { command -v "$1" >/dev/null 2>&1; }

packages_of() {
  case "$1" in
    cc) echo gcc libc6-dev ;;
    taskset) echo util-linux ;;
    script) echo bsdutils ;;
    *) echo "$1" ;;
  esac
}

# Debian starts the service of a server that it installs. Ours are started by the tests, on their own ports: a policy that
# forbids starting keeps port 80 and 6379 free. One that was there before stays.
forbid_services() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then return; fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

install_packages() {
  local instruction="sudo apt-get update && sudo apt-get install --yes --no-install-recommends $*"
  if ! has apt-get; then
    say "missing: $*. This script installs with apt-get only; install them with your system's package manager"
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    say "missing: $*. Installing needs root; run: $instruction"
    return 1
  fi
  say "installing with apt-get: $*"
  forbid_services
  if ! apt-get update --quiet=2 || ! DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "$@" >/dev/null; then
    say "apt-get failed (is there a network?). When it works again, run: $instruction"
    return 1
  fi
}

install_k6() {
  local instruction="GOBIN=\"$CACHE_BIN\" go install $K6_MODULE@$K6_VERSION"
  local go_minor
  go_minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p' || true)
  if [ -z "$go_minor" ] || [ "$go_minor" -lt "$K6_GO_MINOR" ]; then
    say "missing: k6. It is built with Go 1.$K6_GO_MINOR or newer (found: ${go_minor:+1.}${go_minor:-none}); install Go, then run: $instruction"
    say "  or put a k6 $K6_VERSION binary on the PATH"
    return 1
  fi
  say "building k6 $K6_VERSION into $CACHE_BIN (about a minute)"
  mkdir -p "$CACHE_BIN"
  if ! GOBIN="$CACHE_BIN" go install "$K6_MODULE@$K6_VERSION"; then
    say "building k6 failed (is there a network?). When it works again, run: $instruction"
    return 1
  fi
}

has_schemathesis() { [ -x "$CACHE/schemathesis/bin/schemathesis" ]; }

install_schemathesis() {
  local instruction="python3 -m venv $CACHE/schemathesis && $CACHE/schemathesis/bin/pip install schemathesis==$SCHEMATHESIS_VERSION"
  if ! has python3; then
    say "missing: schemathesis. It needs Python 3.10 or newer with venv and pip; install it (Debian: python3-venv), then run: $instruction"
    return 1
  fi
  say "installing schemathesis $SCHEMATHESIS_VERSION into $CACHE/schemathesis"
  if ! python3 -m venv "$CACHE/schemathesis" || ! "$CACHE/schemathesis/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$SCHEMATHESIS_VERSION"; then
    rm -rf "$CACHE/schemathesis"
    say "installing schemathesis failed (is there a network, and Debian's python3-venv?). When it works again, run: $instruction"
    return 1
  fi
}

tools=("$@")
if [ ${#tools[@]} -eq 0 ]; then tools=(redis-server chromium curl jq script nginx wrk taskset cc k6 schemathesis); fi

packages=()
failed=0
for tool in "${tools[@]}"; do
  if has "$tool" || [ "$tool" = k6 ] || [ "$tool" = schemathesis ]; then continue; fi
  read -ra names <<<"$(packages_of "$tool")"
  packages+=("${names[@]}")
done
if [ ${#packages[@]} -gt 0 ]; then install_packages "${packages[@]}" || failed=1; fi
case " ${tools[*]} " in
  *" k6 "*) has k6 || install_k6 || failed=1 ;;
esac

case " ${tools[*]} " in
  *" schemathesis "*) has_schemathesis || install_schemathesis || failed=1 ;;
esac

for tool in "${tools[@]}"; do
  if [ "$tool" = schemathesis ] && has_schemathesis; then say "schemathesis: $CACHE/schemathesis/bin/schemathesis"; fi
  if has "$tool"; then say "$tool: $(command -v "$tool")"; fi
done
exit "$failed"
