#!/bin/sh
# Installs the libraries and builds strangers' programs against what was installed: BUILD SOURCE CC
set -eu
build=$1 source=$2 cc=$3
prefix=$build/installed
rm -rf "$prefix"
cmake --install "$build" --prefix "$prefix" >/dev/null
for name in verify client; do
  pc=$(find "$prefix" -name "confide-$name.pc")
  # shellcheck disable=SC2046  # flags are words
  PKG_CONFIG_PATH=$(dirname "$pc") "$cc" -std=c99 "$source/src/capi/${name}_embed_test.c" \
    -o "$prefix/$name" \
    $(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs "confide-$name") \
    -Wl,-rpath,"$(dirname "$(dirname "$pc")")"
  "$prefix/$name"
done
