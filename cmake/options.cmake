# How everything of ours is compiled. Third-party code never sees these flags.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(CONFIDE_TESTS "build the tests" ON)
option(CONFIDE_FUZZ "build the libFuzzer targets" OFF)
set(CONFIDE_SANITIZE "" CACHE STRING "sanitizers to build with, as -fsanitize= takes them")

add_library(confide_options INTERFACE)
target_include_directories(confide_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(confide_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Wthread-safety -Werror
  -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
  -ftrivial-auto-var-init=zero -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
target_compile_definitions(confide_options INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(confide_options INTERFACE -fuse-ld=mold
  -Wl,--as-needed,-z,relro,-z,now,-z,noexecstack
  $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)

# How code that ships is generated, by preset. Unit tests go without: compiled alike for all presets,
# ccache serves them to all. Under ThreadSanitizer alone they must be instrumented too.
set(CONFIDE_CODEGEN "-O2" CACHE STRING "options of optimisation and debugging")
add_library(confide_codegen INTERFACE)
target_compile_options(confide_codegen INTERFACE ${CONFIDE_CODEGEN})
add_library(confide_test_codegen INTERFACE)
if(CONFIDE_SANITIZE)
  target_compile_options(confide_codegen INTERFACE
    -fsanitize=${CONFIDE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(confide_options INTERFACE -fsanitize=${CONFIDE_SANITIZE})
else()
  target_compile_definitions(confide_codegen INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=3>)
endif()
if(CONFIDE_SANITIZE STREQUAL "thread")
  target_link_libraries(confide_test_codegen INTERFACE confide_codegen)
else()
  target_compile_options(confide_test_codegen INTERFACE -O0 -g1)
endif()
