#!/bin/bash
# Prepare a Debian 12 machine: the packages to compile and test with, and .venv. Run again, it only adds what is
# missing. PYTHON=python3.13 scripts/setup.sh makes .venv with another Python (3.11 to 3.14).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PYTHON=${PYTHON:-python3}

# ---- Debian packages ----
packages=(
  # tools
  ca-certificates ccache cmake g++ make ninja-build pkg-config
  # libraries
  libcli11-dev libpq-dev libpqxx-dev libsimdjson-dev libspdlog-dev libsqlite3-dev libssl-dev libzmq3-dev
  # the compiler; the g++ above brings the C++ standard library that compiled cells use; clang++ too builds modules
  clang-19 libclang-19-dev libomp-19-dev llvm-19-dev
  libclang-rt-19-dev # ThreadSanitizer, for what the compiler says of races
  # tests and benchmarks
  libbenchmark-dev libgmock-dev libgtest-dev
  libopenmpi-dev openmpi-bin # engines under MPI; mpi4py of .venv loads its library
  munge slurm-wlm # engines as jobs of a batch system
  iproute2 openssh-client openssh-server # engines on other hosts; `ss`: what listens
  postgresql # records on a server
  fish zsh # completion of the command's words
  graphviz # pictures of task graphs as .png and .pdf
  chromium # what a person sees in a notebook, looked at by playwright
)
# Debian splits its own Python; any other one comes whole.
if [[ ! -x .venv/bin/python ]]; then
  case "$(command -v "$PYTHON" || true)" in
    "" | /usr/bin/*) packages+=("$(basename "$PYTHON")" "$(basename "$PYTHON")-dev" "$(basename "$PYTHON")-venv") ;;
  esac
fi
bash scripts/apt_install.sh "${packages[@]}"

# ---- .venv ----
if [[ ! -x .venv/bin/pip ]]; then
  "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "engineroom needs Python 3.11 or newer")'
  "$PYTHON" -m venv .venv
fi
pip() {
  .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"
}
# 25.1 is the first pip that reads dependency groups.
pip install 'pip>=25.1'
# The package's own requirements come with it, in scripts/build.sh.
# No ninja from here: two versions of it in one build folder throw away each other's log, and with it the build.
pip install --group dev

touch .venv/.setup-stamp
bash scripts/build.sh
