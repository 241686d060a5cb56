# ops/version.h for this build. The commit is read whenever CMake configures, as ./setup makes it do.
set(CONFIDE_REPOSITORY "" CACHE STRING "where this source is published, for reports")
execute_process(COMMAND git rev-parse HEAD WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
  OUTPUT_VARIABLE confide_commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT confide_commit)
  set(confide_commit unknown)
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/version.cpp.in ${PROJECT_BINARY_DIR}/version.cpp)
target_sources(confide_ops PRIVATE ${PROJECT_BINARY_DIR}/version.cpp)
