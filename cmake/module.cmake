# confide_module(NAME [DEPS module...] [LIBS target...] [PRIVATE_LIBS target...])
# A module is a folder of src/: its *.cpp make library confide_NAME, its *_test.cpp make NAME_test.
# Those who use it find the headers of LIBS, but not of PRIVATE_LIBS.
function(confide_module name)
  cmake_parse_arguments(arg "" "" "DEPS;LIBS;PRIVATE_LIBS" ${ARGN})
  set(dir ${PROJECT_SOURCE_DIR}/src/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")

  list(TRANSFORM arg_DEPS PREPEND confide_)
  if(NOT sources)
    add_library(confide_${name} INTERFACE)
    target_link_libraries(confide_${name} INTERFACE confide_options ${arg_DEPS} ${arg_LIBS})
    return()
  endif()
  add_library(confide_${name} STATIC ${sources})
  target_link_libraries(confide_${name}
    PUBLIC confide_options ${arg_DEPS} ${arg_LIBS} PRIVATE ${arg_PRIVATE_LIBS} confide_codegen)

  if(CONFIDE_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE
      confide_${name} ${arg_PRIVATE_LIBS} confide_test_codegen GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE
      CONFIDE_VECTORS="${PROJECT_SOURCE_DIR}/../shared/vectors"
      CONFIDE_MODELS="${PROJECT_SOURCE_DIR}/models")
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES LABELS unit)
  endif()
endfunction()

# confide_program(NAME DEPS module... [LIBS target...]): apps/NAME/*.cpp make bin/NAME.
function(confide_program name)
  cmake_parse_arguments(arg "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/apps/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  list(TRANSFORM arg_DEPS PREPEND confide_)
  target_link_libraries(${name} PRIVATE confide_options confide_codegen ${arg_DEPS} ${arg_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()
