# The C interfaces, for programs in other languages: libconfide-verify is verify/, and opens no
# socket; libconfide-client is client/. Only the names in their headers are visible;
# `cmake --install` puts them where they are found.
include(GNUInstallDirs)

# confide_c_library(NAME DESCRIPTION text SOURCES file... LIBS target...)
# NAME.h, NAME.map, NAME_test.cpp and NAME_embed_test.c make libconfide-NAME and its tests.
function(confide_c_library short)
  cmake_parse_arguments(arg "" "DESCRIPTION" "SOURCES;LIBS" ${ARGN})
  set(name confide-${short})
  set(folder ${PROJECT_SOURCE_DIR}/src/capi)
  list(TRANSFORM arg_SOURCES PREPEND ${folder}/)
  add_library(${name} SHARED ${arg_SOURCES})
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  target_link_libraries(${name} PRIVATE ${arg_LIBS} confide_codegen)
  target_compile_definitions(${name} PRIVATE CONFIDE_VERSION="${PROJECT_VERSION}")
  target_link_options(${name} PRIVATE -Wl,--version-script=${folder}/${short}.map)
  set_target_properties(${name} PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    PUBLIC_HEADER ${PROJECT_SOURCE_DIR}/include/confide/${short}.h
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

  configure_file(${PROJECT_SOURCE_DIR}/cmake/library.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(TARGETS ${name}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/confide)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

  if(CONFIDE_TESTS)
    add_executable(capi_${short}_test ${folder}/${short}_test.cpp)
    target_link_libraries(capi_${short}_test PRIVATE
      ${name} ${arg_LIBS} confide_test_codegen GTest::gmock GTest::gtest_main)
    add_test(NAME capi_${short} COMMAND capi_${short}_test)
    # As an embedder would use it: C, the public header and the shared library alone.
    add_executable(capi_${short}_embed_test ${folder}/${short}_embed_test.c)
    set_target_properties(capi_${short}_embed_test PROPERTIES C_STANDARD 99 C_EXTENSIONS OFF)
    target_compile_options(capi_${short}_embed_test PRIVATE -Wall -Wextra -Wpedantic -Werror)
    target_link_libraries(capi_${short}_embed_test PRIVATE ${name})
    add_test(NAME capi_${short}_embed COMMAND capi_${short}_embed_test)
    set_tests_properties(capi_${short} capi_${short}_embed PROPERTIES LABELS unit)
    if(CONFIDE_SANITIZE)
      # The library's sanitizer needs the C++ half of its runtime in whoever loads it.
      target_link_options(capi_${short}_embed_test PRIVATE -fsanitize=${CONFIDE_SANITIZE})
      set_target_properties(capi_${short}_embed_test PROPERTIES LINKER_LANGUAGE CXX)
    endif()
  endif()
endfunction()

confide_c_library(verify
  DESCRIPTION "Offline verifier of confidential-computing evidence: TDX, SGX, SEV-SNP, NVIDIA, event logs"
  SOURCES verify.cpp LIBS confide_verify)
confide_c_library(client
  DESCRIPTION "Client of attested services: verifies them, seals whole requests, checks every receipt"
  SOURCES client.cpp client_options.cpp documents.cpp exchange.cpp LIBS confide_client confide_collateral)

if(CONFIDE_TESTS AND NOT CONFIDE_SANITIZE)
  add_test(NAME capi_install COMMAND ${PROJECT_SOURCE_DIR}/src/capi/install_test.sh
    ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR} ${CMAKE_C_COMPILER})
  set_tests_properties(capi_install PROPERTIES LABELS unit)
endif()
