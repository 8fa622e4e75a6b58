#!/bin/bash
# clang-tidy on what the dev preset compiles. With arguments, only on files whose path matches one of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash scripts/apt_install.sh clang-tidy-19
cmake --preset dev
run-clang-tidy-19 -quiet -p build/dev -j "$(nproc)" "${@:-src/.*}"
