#!/usr/bin/env bash
# Installs what tests, load tests and benchmarks need beside npm packages, where it is missing, and says what it does.
# Needs nothing when all is there. Without root or network it says what to install and exits 1.
#
#   scripts/setup-tools.sh [tool...]     default: all of redis-server chromium curl jq script promtool ip nginx wrk taskset cc java k6 redis-server-8
#                                        valkey-server and the Python tools
#
# k6 is built from source into ${XDG_CACHE_HOME:-$HOME/.cache}/bandit-gateway/bin, where loadtest/ looks first; each Python tool is installed with
# pip into a virtual environment of its own beside it, where test/tools/ looks. redis-server-8 and valkey-server are unpacked there too.
set -euo pipefail

K6_MODULE=go.k6.io/k6
K6_VERSION=v1.8.1
K6_GO_MINOR=21 # from Go 1.21 on, `go install` fetches the newer toolchain that k6 asks for
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/bandit-gateway"
CACHE_BIN="$CACHE/bin"

# Debian keeps nginx in /usr/sbin, which is not on every user's PATH.
export PATH="$CACHE_BIN:$PATH:/usr/sbin:/sbin"

say() { printf 'setup: %s\n' "$*"; }
has() { command -v "$1" >/dev/null 2>&1; }

packages_of() {
  case "$1" in
    cc) echo gcc libc6-dev ;;
    java) echo default-jre-headless ;;
    taskset) echo util-linux ;;
    script) echo bsdutils ;;
    promtool) echo prometheus ;;
    ip) echo iproute2 ;;
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

# Servers of a newer Debian, with the libraries that they need: unpacked, so that nothing of the system changes and nothing is started.
NEWER_DEBIAN=trixie
NEWER_SERVERS=(redis-server-8 valkey-server)
NEWER_PACKAGES=(redis-server redis-tools valkey-server valkey-tools libc6 libgcc-s1 libstdc++6 libatomic1 libssl3t64 zlib1g libzstd1 libjemalloc2 liblzf1 libsystemd0 libcap2)

is_newer_server() { case " ${NEWER_SERVERS[*]} " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

install_newer_servers() {
  local folder="$CACHE/newer-servers" mirror apt loader server
  # The mirror that this machine uses has the other releases too.
  mirror=$(apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null | sed -n 's/^Debian main //p' | head -n 1 || true)
  if [ -z "$mirror" ]; then
    say "missing: ${NEWER_SERVERS[*]}. This script unpacks them from Debian's packages only; put a redis-server 8 and a valkey-server by these names on the PATH"
    return 1
  fi
  say "unpacking Redis and Valkey of Debian $NEWER_DEBIAN into $folder"
  rm -rf "$folder"
  mkdir -p "$folder/packages" "$folder/lists/partial" "$folder/cache" "$CACHE_BIN"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $NEWER_DEBIAN main" >"$folder/sources.list"
  apt=(apt-get --quiet=2 -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache"
    -o Dir::State::status=/dev/null -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o APT::Sandbox::User=root)
  if ! "${apt[@]}" update || ! (cd "$folder/packages" && "${apt[@]}" download "${NEWER_PACKAGES[@]}"); then
    say "that failed (is there a network?). When it works again, run: scripts/setup-tools.sh ${NEWER_SERVERS[*]}"
    return 1
  fi
  for package in "$folder"/packages/*.deb; do dpkg --extract "$package" "$folder"; done
  rm -rf "$folder/packages" "$folder/lists" "$folder/cache"
  loader=$(find "$folder/usr/lib" -mindepth 2 -name 'ld-linux-*.so.*' | head -n 1)
  for server in "${NEWER_SERVERS[@]}"; do
    printf '#!/bin/sh\nexec "%s" --argv0 "%s" --library-path "%s" "%s/usr/bin/%s" "$@"\n' "$loader" "$server" "$(dirname "$loader")" "$folder" "${server%-8}" >"$CACHE_BIN/$server"
    chmod +x "$CACHE_BIN/$server"
    if ! "$CACHE_BIN/$server" --version >/dev/null; then
      rm "$CACHE_BIN/$server"
      say "$server of Debian $NEWER_DEBIAN doesn't run here; put one by this name on the PATH"
      return 1
    fi
  done
}

PYTHON_TOOLS=(schemathesis moto vowpalwabbit open-bandit-pipeline pyspark clients seldon mlserver)

python_packages_of() {
  case "$1" in
    schemathesis) echo "schemathesis==4.32.5" ;;
    moto) echo "moto[server]==5.2.5" ;;
    vowpalwabbit) echo "vowpalwabbit==9.11.9" ;;
    open-bandit-pipeline) echo "numpy==2.4.6 pandas==2.3.3 scikit-learn==1.9.1 scipy==1.17.1 pyyaml==6.0.3 tqdm==4.70.1" ;;
    pyspark) echo "pyspark==4.3.0" ;;
    clients) echo "boto3==1.44.5 kserve==0.21.0 tritonclient[http]==2.73.0" ;;
    seldon) echo "seldon-core==1.18.2 setuptools<81" ;;
    mlserver) echo "mlserver==1.7.1 uvloop<0.22" ;;
  esac
}

# What is installed without what it asks for: Open Bandit Pipeline asks for an older Python, and for PyTorch, which estimates don't use.
python_packages_alone_of() {
  case "$1" in
    open-bandit-pipeline) echo "obp==0.5.7" ;;
  esac
}

is_python_tool() { case " ${PYTHON_TOOLS[*]} " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# The file names what was asked for, so that another version is installed anew. An environment of an earlier script has none.
python_packages_file() { echo "$CACHE/$1/installed-packages"; }
has_python_tool() { [ "$(cat "$(python_packages_file "$1")" 2>/dev/null)" = "$(python_packages_of "$1") $(python_packages_alone_of "$1")" ]; }

install_python_tool() {
  local tool=$1 environment="$CACHE/$1" packages alone
  read -ra packages <<<"$(python_packages_of "$tool")"
  read -ra alone <<<"$(python_packages_alone_of "$tool")"
  if ! has python3; then
    say "missing: $tool. It needs Python 3.10 or newer with venv and pip; install it (Debian: python3-venv), then run: scripts/setup-tools.sh $tool"
    return 1
  fi
  say "installing ${packages[*]} ${alone[*]} into $environment"
  local pip=("$environment/bin/pip" install --quiet --disable-pip-version-check)
  if ! python3 -m venv "$environment" || ! "${pip[@]}" "${packages[@]}" ||
    { [ ${#alone[@]} -gt 0 ] && ! "${pip[@]}" --no-deps --ignore-requires-python "${alone[@]}"; }; then
    rm -rf "$environment"
    say "installing $tool failed (is there a network, and Debian's python3-venv?). When it works again, run: scripts/setup-tools.sh $tool"
    return 1
  fi
  echo "$(python_packages_of "$tool") $(python_packages_alone_of "$tool")" >"$(python_packages_file "$tool")"
}

tools=("$@")
if [ ${#tools[@]} -eq 0 ]; then tools=(redis-server chromium curl jq script promtool nginx wrk taskset cc java k6 "${NEWER_SERVERS[@]}" "${PYTHON_TOOLS[@]}"); fi

packages=()
failed=0
for tool in "${tools[@]}"; do
  if has "$tool" || [ "$tool" = k6 ] || is_newer_server "$tool" || is_python_tool "$tool"; then continue; fi
  read -ra names <<<"$(packages_of "$tool")"
  packages+=("${names[@]}")
done
if [ ${#packages[@]} -gt 0 ]; then install_packages "${packages[@]}" || failed=1; fi
case " ${tools[*]} " in
  *" k6 "*) has k6 || install_k6 || failed=1 ;;
esac

for tool in "${tools[@]}"; do
  if is_newer_server "$tool" && ! has "$tool"; then
    install_newer_servers || failed=1
    break
  fi
done

for tool in "${tools[@]}"; do
  if is_python_tool "$tool"; then has_python_tool "$tool" || install_python_tool "$tool" || failed=1; fi
done

for tool in "${tools[@]}"; do
  if is_python_tool "$tool" && has_python_tool "$tool"; then say "$tool: $CACHE/$tool"; fi
  if has "$tool"; then say "$tool: $(command -v "$tool")"; fi
done
exit "$failed"
