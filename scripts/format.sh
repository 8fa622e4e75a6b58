#!/bin/bash
# Rewrite C++ and Python sources in the project's format.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv/bin:$PATH"

scripts/cpp_files.sh | xargs -0 -r clang-format -i
ruff check --quiet --fix . || true
ruff format --quiet .
