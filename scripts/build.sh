#!/bin/bash
# Compile in build/release and bring the result into .venv. The package is installed editable: its Python files are
# used where they are, so only what is compiled has to be brought over.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/release
installed=.venv/.package-stamp

# What one checkout has compiled serves the next, wherever it is.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}
[[ -f $build/build.ninja ]] || cmake --preset release
cmake --build $build -j "$(nproc)"

if [[ ! -f $installed || pyproject.toml -nt $installed || CMakeLists.txt -nt $installed ]]; then
  .venv/bin/python -m pip --disable-pip-version-check install --quiet --no-build-isolation -e .
  touch $installed
else
  # What pip would do, without its seconds. install(1) replaces the files of running programs safely.
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
  for file in $build/python/engineroom/*.{so,a}; do
    [[ ! -f $file ]] || install -C -D -t "$site/engineroom" "$file"
  done
  for file in src/runtime/*.h; do
    install -C -D -m 644 -t "$site/engineroom/include/runtime" "$file"
  done
  for file in $build/bin/*; do
    [[ ! -f $file ]] || install -C -t .venv/bin "$file"
  done
fi
