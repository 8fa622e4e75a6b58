# What is installed, as three components:
#   programs  engineroom-controller
#   python    the extension modules, and the header that compiled cells include (only in a Python build)
#   devel     the C++ client library: headers, static libraries, find_package(engineroom)

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# ---- programs and Python ---------------------------------------------------------------------------------------------
get_property(programs GLOBAL PROPERTY ENGINEROOM_PROGRAMS)
if(programs)
  # In a wheel the program lands next to the environment's python.
  set(program_dir ${CMAKE_INSTALL_BINDIR})
  if(SKBUILD)
    set(program_dir ${SKBUILD_SCRIPTS_DIR})
  endif()
  install(TARGETS ${programs} RUNTIME DESTINATION ${program_dir} COMPONENT programs)
endif()
foreach(module _core _compiler runtime_library runtime_archive)
  if(TARGET ${module})
    install(TARGETS ${module}
      LIBRARY DESTINATION engineroom COMPONENT python
      ARCHIVE DESTINATION engineroom COMPONENT python)
  endif()
endforeach()
if(TARGET _compiler)
  install(DIRECTORY src/runtime DESTINATION engineroom/include COMPONENT python FILES_MATCHING PATTERN "*.h")
endif()

# All that a wheel holds, and nothing else: what pyproject.toml builds.
add_custom_target(wheel_contents)
foreach(target IN LISTS programs ITEMS _core _compiler runtime_library runtime_archive)
  if(TARGET ${target})
    add_dependencies(wheel_contents ${target})
  endif()
endforeach()

# ---- C++ client library ----------------------------------------------------------------------------------------------
set(exported "")
foreach(folder base wire transport client launch)
  if(TARGET engineroom_${folder})
    list(APPEND exported engineroom_${folder})
  endif()
endforeach()
if(NOT TARGET engineroom_client)
  return()
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/engineroom)
install(TARGETS ${exported} EXPORT engineroomTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT devel)
install(EXPORT engineroomTargets NAMESPACE engineroom:: DESTINATION ${package_dir} COMPONENT devel)
install(DIRECTORY include/engineroom ${PROJECT_BINARY_DIR}/generated/engineroom
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT devel FILES_MATCHING PATTERN "*.h")
configure_package_config_file(cmake/engineroomConfig.cmake.in ${PROJECT_BINARY_DIR}/engineroomConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/engineroomConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/engineroomConfig.cmake ${PROJECT_BINARY_DIR}/engineroomConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT devel)

# A user's project, built against what was just installed: catches a header that was left out.
if(ENGINEROOM_BUILD_TESTS AND NOT ENGINEROOM_SANITIZE AND EXISTS ${PROJECT_SOURCE_DIR}/tests/cmake_consumer/main.cpp)
  set(prefix ${PROJECT_BINARY_DIR}/consumer/prefix)
  add_test(NAME install_devel
           COMMAND ${CMAKE_COMMAND} --install ${PROJECT_BINARY_DIR} --prefix ${prefix} --component devel)
  add_test(NAME cmake_consumer
           COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test ${PROJECT_SOURCE_DIR}/tests/cmake_consumer
                   ${PROJECT_BINARY_DIR}/consumer/build --build-generator ${CMAKE_GENERATOR}
                   --build-options -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
                                   -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
                   --test-command consumer)
  set_tests_properties(install_devel PROPERTIES FIXTURES_SETUP installed)
  set_tests_properties(cmake_consumer PROPERTIES FIXTURES_REQUIRED installed)
endif()
