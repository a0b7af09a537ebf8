#!/usr/bin/env bash
# Whether minigrad's bits are the same on aarch64: cross-builds the package, runs tests under emulation.
#
#   tools/aarch64.sh FOLDER [pytest arguments]
#
# FOLDER keeps the system, the build and the package for the next run. Without arguments for pytest, the golden digests
# are compared. Needs Debian or Ubuntu, root, a network, and a Python with CMake 3.26, Ninja and pybind11 at hand. The first
# run takes some ten minutes.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mkdir -p "${1:?a folder to work in}"
work=$(cd "$1" && pwd)
shift
root=$work/root
package=$work/package

# The system's own Python for aarch64, unpacked, never installed.
unpack_system() {
  dpkg --add-architecture arm64
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
  mkdir -p "$work/packages" "$root"
  cd "$work/packages"
  local without=(--no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances)
  apt-cache depends --recurse "${without[@]}" python3:arm64 libpython3-dev:arm64 libstdc++6:arm64 |
    grep '^[a-z].*:arm64$' | sort -u | xargs apt-get -qq download
  for file in *.deb; do
    dpkg -x "$file" "$root"
  done
}

# An emulated process sees `root` first, and behind it this machine's files. Of a processor with SVE, the emulator gets some
# of NumPy's products wrong.
emulated_python() {
  local path=$package:$work/site:$repo
  qemu-aarch64 -cpu cortex-a57 -L "$root" -E PYTHONPATH="$path" -E PYTHONDONTWRITEBYTECODE=1 "$python" "$@"
}

install_requirements() {
  local version
  version=$(emulated_python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  pip install -q --target "$work/site" --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 \
    --python-version "$version" --only-binary :all: numpy pytest hypothesis
}

build_package() {
  local include suffix
  include=$(echo "$root"/usr/include/python3.*)
  suffix=$(emulated_python -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
  cmake -S "$repo" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_MESSAGE=NEVER \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
    -DCMAKE_CXX_FLAGS="-isystem $root/usr/include" -DPYTHON_MODULE_EXTENSION="$suffix" \
    -DPython_EXECUTABLE="$(command -v python)" -DPython_INCLUDE_DIR="$include" \
    -DPython_NumPy_INCLUDE_DIR="$work/site/numpy/_core/include" \
    -Dpybind11_DIR="$(python -m pybind11 --cmakedir)"
  cmake --build "$work/build"
  cmake --install "$work/build" --prefix "$package"
}

[[ -d $root/usr ]] || unpack_system
python=$(find "$root/usr/bin" -name 'python3.*' -type f | head -n 1)
[[ -d $work/site ]] || install_requirements
build_package
cd "$repo"
(($# > 0)) || set -- tests/test_golden.py
emulated_python -m pytest -p no:cacheprovider "$@"
