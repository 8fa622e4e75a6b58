# The extension module engineroom._core: python/bindings/*.cpp, one file per public header.

find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module OPTIONAL_COMPONENTS Development.SABIModule)
execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir
                OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
find_package(nanobind CONFIG REQUIRED)

file(GLOB binding_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/python/bindings/*.cpp)
if(binding_sources)
  # STABLE_ABI: one wheel for Python 3.12 and all later; 3.11 gets its own.
  nanobind_add_module(_core STABLE_ABI NB_STATIC ${binding_sources})
  engineroom_warnings(_core)
  engineroom_all_libraries(libraries)
  target_include_directories(_core PRIVATE ${PROJECT_SOURCE_DIR}/python)
  target_link_libraries(_core PRIVATE ${libraries})
  set_target_properties(_core PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/python/engineroom)
endif()
