# Every third-party library, found once. Debian 12 has all of them but AWS-LC and llama.cpp, which
# ./setup unpacks from their pinned packages and builds into CONFIDE_DEPS.
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(LibXml2 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(CURL 7.88 REQUIRED)
find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
pkg_check_modules(secp256k1 REQUIRED IMPORTED_TARGET libsecp256k1)
pkg_check_modules(xmlsec REQUIRED IMPORTED_TARGET xmlsec1-openssl)

set(CONFIDE_DEPS ${PROJECT_SOURCE_DIR}/build/deps CACHE PATH "where ./setup put AWS-LC and llama.cpp")

# Cryptography and X.509: <openssl/...> of whoever links this, and of nobody else, are AWS-LC's.
# Its names in the library have a prefix, so that OpenSSL, which others bring along, is none of its
# business (tools/setup/lib.sh).
set(CONFIDE_AWS_LC ${CONFIDE_DEPS}/aws-lc-build/libaws_lc_crypto.a)
if(NOT EXISTS ${CONFIDE_AWS_LC})
  message(FATAL_ERROR "AWS-LC is not built yet: run ./setup --no-demo first")
endif()
add_library(confide_aws_lc INTERFACE)
target_include_directories(confide_aws_lc SYSTEM INTERFACE
  ${CONFIDE_DEPS}/aws-lc-build/include ${CONFIDE_DEPS}/aws-lc/include)
target_link_libraries(confide_aws_lc INTERFACE ${CONFIDE_AWS_LC} Threads::Threads)

set(llama_src ${CONFIDE_DEPS}/llama.cpp)
include(${CMAKE_CURRENT_LIST_DIR}/gpu.cmake)
set(llama_bin ${CONFIDE_DEPS}/llama-build)
set(setup_options --no-demo)
if(llama_gpu)
  string(APPEND llama_bin -${llama_gpu})
  string(PREPEND setup_options "--${llama_gpu} ")
  list(PREPEND llama_gpu_libraries ${llama_bin}/ggml/src/ggml-${llama_gpu}/libggml-${llama_gpu}.a)
endif()
if(NOT EXISTS ${llama_bin}/common/libllama-common.a)
  message(FATAL_ERROR "llama.cpp is not built yet: run ./setup ${setup_options} first")
endif()
add_library(confide_llama INTERFACE)
# Not vendor/: it holds another nlohmann/json than Debian's.
target_include_directories(confide_llama SYSTEM INTERFACE
  ${llama_src}/include ${llama_src}/ggml/include ${llama_src}/common ${llama_src}/src)
# Stands in receipts: llama.cpp's own version number is the same for many commits.
target_compile_definitions(confide_llama INTERFACE
  CONFIDE_LLAMA_PACKAGE="llama_cpp_python 0.3.36")
file(GLOB llama_httplib ${llama_bin}/vendor/cpp-httplib/*.a)
target_link_libraries(confide_llama INTERFACE
  ${llama_bin}/common/libllama-common.a ${llama_bin}/common/libllama-common-base.a
  ${llama_httplib} ${llama_bin}/src/libllama.a
  ${llama_bin}/ggml/src/libggml.a ${llama_bin}/ggml/src/libggml-cpu.a ${llama_gpu_libraries}
  ${llama_bin}/ggml/src/libggml-base.a Threads::Threads ${CMAKE_DL_LIBS})
