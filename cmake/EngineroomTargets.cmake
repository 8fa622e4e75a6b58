# The functions that src/<folder>/CMakeLists.txt and the root call to define targets.

# engineroom_library(<folder> [SOURCES a.cpp ...] [TESTS a_test.cpp ...] [DEPENDS folder ...] [LINKS target ...]
#                    [TEST_DEPENDS folder ...])
#
# One folder of src/: a static library engineroom_<folder> (alias engineroom::<folder>) and one GoogleTest program
# <folder>_test, each of whose cases ctest lists. DEPENDS names other folders and must agree with scripts/layers.toml;
# LINKS names targets of cmake/Dependencies.cmake; TEST_DEPENDS names folders that only the tests use.
function(engineroom_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;TESTS;DEPENDS;LINKS;TEST_DEPENDS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "engineroom_library(${folder}): unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()

  set(library engineroom_${folder})
  set(access PUBLIC)
  if(arg_SOURCES)
    add_library(${library} STATIC ${arg_SOURCES})
    engineroom_strict_warnings(${library})
  else()
    add_library(${library} INTERFACE)
    set(access INTERFACE)
  endif()
  add_library(engineroom::${folder} ALIAS ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${folder})
  list(TRANSFORM arg_DEPENDS PREPEND engineroom_)
  target_link_libraries(${library} ${access} ${arg_DEPENDS} ${arg_LINKS})
  target_compile_features(${library} ${access} cxx_std_20)
  target_include_directories(${library} ${access}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>
    $<INSTALL_INTERFACE:include>)

  if(arg_TESTS AND ENGINEROOM_BUILD_TESTS)
    add_executable(${folder}_test ${arg_TESTS})
    engineroom_warnings(${folder}_test)
    list(TRANSFORM arg_TEST_DEPENDS PREPEND engineroom_)
    target_link_libraries(${folder}_test PRIVATE ${library} ${arg_TEST_DEPENDS} GTest::gmock GTest::gtest_main)
    # Listed when ctest starts, not when linked: a slow or crashing program then fails the tests, not the build.
    gtest_discover_tests(${folder}_test DISCOVERY_MODE PRE_TEST PROPERTIES LABELS ${folder} TIMEOUT 120)
  endif()
endfunction()

# engineroom_program(<name> SOURCES main.cpp ... [DEPENDS folder ...] [LINKS target ...])
#
# A program that users run: built in <build>/bin, installed with the package.
function(engineroom_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;LINKS")
  add_executable(${name} ${arg_SOURCES})
  engineroom_strict_warnings(${name})
  list(TRANSFORM arg_DEPENDS PREPEND engineroom_)
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} ${arg_LINKS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  set_property(GLOBAL APPEND PROPERTY ENGINEROOM_PROGRAMS ${name})
endfunction()

# engineroom_program_per_file(GLOB pattern INTO folder [LINKS target ...] [EXCEPT name ...])
#
# Programs for developers: one per file, named as the file, built in <build>/<folder>, never installed.
function(engineroom_program_per_file)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "GLOB;INTO" "LINKS;EXCEPT")
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${arg_GLOB})
  foreach(file IN LISTS files)
    cmake_path(GET file STEM name)
    if(name IN_LIST arg_EXCEPT)
      continue()
    endif()
    add_executable(${name} ${file})
    engineroom_warnings(${name})
    engineroom_all_libraries(libraries)
    target_link_libraries(${name} PRIVATE ${libraries} ${arg_LINKS})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${arg_INTO})
  endforeach()
endfunction()

# The libraries of all folders built so far.
function(engineroom_all_libraries result)
  set(libraries "")
  foreach(folder IN LISTS ENGINEROOM_FOLDERS)
    if(TARGET engineroom_${folder})
      list(APPEND libraries engineroom_${folder})
    endif()
  endforeach()
  set(${result} ${libraries} PARENT_SCOPE)
endfunction()
