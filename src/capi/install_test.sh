#!/bin/sh
# Installs the library and builds a stranger's program against what was installed: BUILD SOURCE CC
set -eu
build=$1 source=$2 cc=$3
prefix=$build/installed
rm -rf "$prefix"
cmake --install "$build" --prefix "$prefix" >/dev/null
pc=$(find "$prefix" -name confide-verify.pc)
# shellcheck disable=SC2046  # flags are words
PKG_CONFIG_PATH=$(dirname "$pc") "$cc" -std=c99 "$source/src/capi/embed_test.c" -o "$prefix/embed" \
  $(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs confide-verify) \
  -Wl,-rpath,"$(dirname "$(dirname "$pc")")"
"$prefix/embed"
