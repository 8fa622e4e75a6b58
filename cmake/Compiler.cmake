# Language, warnings and sanitizers: what every target of ours is compiled with.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# The static libraries also end up in the Python extension module.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release unless told otherwise" FORCE)
endif()

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(CCACHE_PROGRAM ccache)
  if(CCACHE_PROGRAM)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  endif()
endif()

# A program or module loads a library only if it uses it: all are given all folders, but few need LLVM.
add_link_options(-Wl,--as-needed)

# Bounds checks of the standard library wherever assertions are on.
add_compile_definitions($<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)

if(ENGINEROOM_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(ENGINEROOM_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(ENGINEROOM_SANITIZE)
  message(FATAL_ERROR "ENGINEROOM_SANITIZE is '${ENGINEROOM_SANITIZE}'; it may be empty, 'address' or 'thread'")
endif()

if(ENGINEROOM_BUILD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "libFuzzer comes with Clang: configure with -DCMAKE_CXX_COMPILER=clang++-19, "
                        "or run scripts/fuzz.sh")
  endif()
  # Coverage feedback for the libraries; the fuzz targets themselves link libFuzzer's main.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Warnings become errors in the presets for development (CMAKE_COMPILE_WARNING_AS_ERROR), never in a user's build.
function(engineroom_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra)
endfunction()

# Tests and programs that are not installed may convert numbers freely.
function(engineroom_strict_warnings target)
  engineroom_warnings(${target})
  target_compile_options(${target} PRIVATE -Wconversion)
endfunction()
