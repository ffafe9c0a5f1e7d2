# What the scripts need from the system, and how to get it. Sourced by ./run, ./test and ./bench.
#
# Every need_* function returns at once when the thing is there. Otherwise it installs it
# (Debian or Ubuntu, as root or through sudo) or stops with a sentence that says what to do.
# Nothing is upgraded that is already good enough.

rust_wanted=1.95

say() { printf '%s\n' "$*" >&2; }
stop() { say "error: $*"; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else return 127
  fi
}

# apt_install PACKAGE...: one update per run of the script, output only when it fails.
apt_install() {
  command -v apt-get >/dev/null ||
    stop "please install with your system's package manager: $*"
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
    stop "not root and no sudo; please run as root: apt-get install $*"
  say "installing: $*"
  local log
  log=$(mktemp)
  if [ -z "${apt_updated:-}" ]; then
    as_root apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; say "warning: apt-get update failed, going on"; }
    apt_updated=1
  fi
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    stop "could not install: $*"
  fi
  rm -f "$log"
}

# version_at_least HAVE WANTED
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

need_fuse() {
  if ! command -v fusermount3 >/dev/null; then apt_install fuse3; fi
  if [ ! -e /dev/fuse ]; then as_root modprobe fuse 2>/dev/null || true; fi
  [ -e /dev/fuse ] ||
    stop "/dev/fuse is missing: load the kernel module (modprobe fuse); in a container start it with --device /dev/fuse --cap-add SYS_ADMIN"
}

# A C compiler and linker: for the linker itself, SQLite and the cryptography. No cmake.
need_cc() {
  if ! command -v cc >/dev/null || [ ! -e /usr/include/stdlib.h ]; then apt_install gcc libc6-dev; fi
}

# apt_version PACKAGE: the version that apt would install, without epoch and revision.
apt_version() {
  apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}\([0-9.]*\).*/\2/p'
}

# Nothing when there is no cargo.
cargo_version() { { cargo --version 2>/dev/null || true; } | sed -n 's/^cargo \([0-9.]*\).*/\1/p'; }

# Cargo downloads over HTTPS.
need_certificates() {
  if [ ! -e /etc/ssl/certs/ca-certificates.crt ] && command -v apt-get >/dev/null; then apt_install ca-certificates; fi
}

need_rust() {
  local have package
  need_certificates
  if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then PATH="$HOME/.cargo/bin:$PATH"; fi
  have=$(cargo_version)
  if [ -n "$have" ] && version_at_least "$have" "$rust_wanted"; then return; fi

  if command -v rustup >/dev/null; then
    say "installing: the current stable Rust, by rustup (cargo here is ${have:-missing}, $rust_wanted is needed)"
    rustup -q toolchain install stable --profile minimal --component rustfmt --component clippy >&2
    export RUSTUP_TOOLCHAIN=stable
    have=$(cargo_version)
    if [ -n "$have" ] && version_at_least "$have" "$rust_wanted"; then return; fi
    stop "rustup's stable is ${have:-missing}, Rust $rust_wanted is needed"
  fi

  if command -v apt-get >/dev/null; then
    if as_root apt-get update -qq >/dev/null 2>&1; then apt_updated=1; fi
    # cargo-web is Debian's newer Rust, kept up for the browsers that its releases ship.
    for package in cargo cargo-web; do
      have=$(apt_version "$package")
      if [ -n "$have" ] && version_at_least "$have" "$rust_wanted"; then
        apt_install "$package"
        return
      fi
    done
    if [ -n "$(apt_version rustup)" ]; then
      apt_install rustup
      need_rust
      return
    fi
  fi
  stop "Rust $rust_wanted or newer is needed; install it by rustup (https://rustup.rs), then run this again"
}

# need_command COMMAND PACKAGE
need_command() {
  if ! command -v "$1" >/dev/null; then apt_install "$2"; fi
}

# need_venv [FILE...]: the Python of the test tools, in .venv, with the pinned packages of these files
# (tests/tools/requirements.txt when none is named).
need_venv() {
  local root python file
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  python=$root/.venv/bin/python
  [ $# -gt 0 ] || set -- tests/tools/requirements.txt
  for file in "$@"; do need_packages "$root" "$python" "$file"; done
}

# need_packages ROOT PYTHON FILE: what was installed is noted beside it.
need_packages() {
  local root=$1 python=$2 wanted=$1/$3 noted
  noted=$root/.venv/installed.txt
  [ "$3" = tests/tools/requirements.txt ] || noted=$root/.venv/installed-$(basename "$(dirname "$3")").txt
  if [ -x "$python" ] && cmp -s "$wanted" "$noted"; then return; fi
  say "installing: the Python packages of $3"
  if [ ! -x "$python" ]; then
    python3 -m venv "$root/.venv" >/dev/null 2>&1 || {
      apt_install python3-venv
      python3 -m venv --clear "$root/.venv" || stop "python3 -m venv failed"
    }
  fi
  "$python" -m pip --quiet --disable-pip-version-check install -r "$wanted" >&2 ||
    stop "could not install the packages of $3"
  cp "$wanted" "$noted"
}

# npm's bittorrent-tracker, which the tests run with node; it goes into the user's cache.
need_npm_tracker() {
  local cache log
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/gostream-test
  if ! command -v node >/dev/null; then apt_install nodejs; fi
  if [ -e "$cache/node/node_modules/bittorrent-tracker/server.js" ]; then return; fi
  if ! command -v npm >/dev/null; then apt_install npm; fi
  say "installing: bittorrent-tracker, by npm"
  log=$(mktemp)
  mkdir -p "$cache/node"
  # Without its native modules, which only WebRTC needs.
  npm install --prefix "$cache/node" --no-audit --no-fund --ignore-scripts --omit=optional \
    bittorrent-tracker@11.2.3 >"$log" 2>&1 || { tail -n 5 "$log" >&2; stop "could not install bittorrent-tracker"; }
  rm -f "$log"
}

# The streaming clients that ./bench swarm measures beside GoStream, as far as they can be had: a missing one
# is a note in its table. What Debian does not carry goes into the user's cache.
need_streaming_clients() {
  local cache log
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/gostream-bench
  log=$(mktemp)
  mkdir -p "$cache/node"
  if ! command -v btfs >/dev/null; then (apt_install btfs) || true; fi
  need_rqbit
  if [ ! -e "$cache/node/node_modules/torrent-stream" ] || [ ! -e "$cache/node/node_modules/webtorrent" ]; then
    if command -v npm >/dev/null; then
      say "installing: torrent-stream and webtorrent, by npm"
      # Without install scripts: webtorrent 1 is the last one that is JavaScript alone.
      npm install --prefix "$cache/node" --no-audit --no-fund --ignore-scripts \
        torrent-stream@1.2.1 webtorrent@1.9.7 >"$log" 2>&1 || tail -n 5 "$log" >&2
    fi
  fi
  rm -f "$log"
}

# rqbit, into the user's cache.
need_rqbit() {
  local cache log
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/gostream-bench
  if [ -x "$cache/bin/rqbit" ]; then return; fi
  say "installing: rqbit, by cargo (some minutes)"
  log=$(mktemp)
  CARGO_TARGET_DIR=$cache/rqbit-target cargo install --quiet --locked --version 9.1.0 --no-default-features \
    --features rust-tls --root "$cache" rqbit >"$log" 2>&1 || tail -n 5 "$log" >&2
  rm -rf "$cache/rqbit-target" "$log"
}
