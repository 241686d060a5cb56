# libconfide-verify: verify/ behind a C interface, for programs in other languages. Only the names
# in include/confide/verify.h are visible; `cmake --install` puts it where they find it.
include(GNUInstallDirs)

add_library(confide-verify SHARED ${PROJECT_SOURCE_DIR}/src/capi/verify.cpp)
target_include_directories(confide-verify PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
target_link_libraries(confide-verify PRIVATE confide_verify confide_codegen)
target_compile_definitions(confide-verify PRIVATE CONFIDE_VERSION="${PROJECT_VERSION}")
target_link_options(confide-verify PRIVATE
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/src/capi/exports.map)
set_target_properties(confide-verify PROPERTIES
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  PUBLIC_HEADER ${PROJECT_SOURCE_DIR}/include/confide/verify.h
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

configure_file(${PROJECT_SOURCE_DIR}/cmake/confide-verify.pc.in ${PROJECT_BINARY_DIR}/confide-verify.pc @ONLY)
install(TARGETS confide-verify
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/confide)
install(FILES ${PROJECT_BINARY_DIR}/confide-verify.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(CONFIDE_TESTS)
  add_executable(capi_test ${PROJECT_SOURCE_DIR}/src/capi/verify_test.cpp)
  target_link_libraries(capi_test PRIVATE
    confide-verify confide_verify confide_test_codegen GTest::gmock GTest::gtest_main)
  add_test(NAME capi COMMAND capi_test)
  # As an embedder would use it: C, the public header and the shared library alone.
  add_executable(capi_embed_test ${PROJECT_SOURCE_DIR}/src/capi/embed_test.c)
  set_target_properties(capi_embed_test PROPERTIES C_STANDARD 99 C_EXTENSIONS OFF)
  target_compile_options(capi_embed_test PRIVATE -Wall -Wextra -Wpedantic -Werror)
  target_link_libraries(capi_embed_test PRIVATE confide-verify)
  add_test(NAME capi_embed COMMAND capi_embed_test)
  set_tests_properties(capi capi_embed PROPERTIES LABELS unit)
  if(CONFIDE_SANITIZE)
    # The library's sanitizer needs the C++ half of its runtime in whoever loads it.
    target_link_options(capi_embed_test PRIVATE -fsanitize=${CONFIDE_SANITIZE})
    set_target_properties(capi_embed_test PROPERTIES LINKER_LANGUAGE CXX)
  else()
    add_test(NAME capi_install COMMAND ${PROJECT_SOURCE_DIR}/src/capi/install_test.sh
      ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR} ${CMAKE_C_COMPILER})
    set_tests_properties(capi_install PROPERTIES LABELS unit)
  endif()
endif()
