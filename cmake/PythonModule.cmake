# The extension modules: engineroom._core of python/bindings/*.cpp, one file per public header, and engineroom._compiler
# of compiler.cpp and session.cpp, which alone needs LLVM.

find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module OPTIONAL_COMPONENTS Development.SABIModule)
execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir
                OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
find_package(nanobind CONFIG REQUIRED)

file(GLOB binding_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/python/bindings/*.cpp)
set(compiler_sources ${PROJECT_SOURCE_DIR}/python/bindings/compiler.cpp
                     ${PROJECT_SOURCE_DIR}/python/bindings/session.cpp)
list(REMOVE_ITEM binding_sources ${compiler_sources})

function(engineroom_python_module name)
  # STABLE_ABI: one wheel for Python 3.12 and all later; 3.11 gets its own.
  nanobind_add_module(${name} STABLE_ABI NB_STATIC ${ARGN})
  engineroom_warnings(${name})
  engineroom_all_libraries(libraries)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/python)
  target_link_libraries(${name} PRIVATE ${libraries})
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/python/engineroom)
endfunction()

if(binding_sources)
  engineroom_python_module(_core ${binding_sources})
endif()
if(TARGET engineroom_jit AND TARGET engineroom_session)
  engineroom_python_module(_compiler ${compiler_sources})
endif()
