# Included by CMake after each project() of llama.cpp: see .cargo/config.toml.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "Build llama-common" FORCE)
set(LLAMA_ALL_WARNINGS OFF CACHE BOOL "Enable warnings" FORCE)

# ccache sees relative paths below the build folder, so that it reuses the objects of another build folder.
find_program(ccache ccache)
if(ccache AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(launcher "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${CMAKE_BINARY_DIR}" "${ccache}")
  set(CMAKE_C_COMPILER_LAUNCHER "${launcher}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${launcher}")
endif()

# GENAI_LLAMA_FLAGS replaces the optimization flags of llama.cpp itself, which prepares the work of ggml: see
# scripts/build.toml. ggml is another project(), and gets the original flags back.
if(NOT PROJECT_NAME STREQUAL "llama.cpp")
  set(CMAKE_CXX_FLAGS_RELEASE "${ggml_flags}")
  return()
endif()
set(ggml_flags "${CMAKE_CXX_FLAGS_RELEASE}")
if(DEFINED ENV{GENAI_LLAMA_FLAGS})
  set(CMAKE_CXX_FLAGS_RELEASE "$ENV{GENAI_LLAMA_FLAGS}")
endif()

# llama.cpp excludes its core from the unity build. Only one file, dsv4, defines a name that another file also defines,
# so the others are included again. DEFER, since CMake has not read the folder src at this point.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_VERSION VERSION_GREATER_EQUAL 3.19)
  file(GLOB core "${CMAKE_SOURCE_DIR}/src/*.cpp")
  list(FILTER core EXCLUDE REGEX "dsv4")
  cmake_language(DEFER CALL set_source_files_properties ${core}
    DIRECTORY "${CMAKE_SOURCE_DIR}/src" PROPERTIES SKIP_UNITY_BUILD_INCLUSION OFF)
endif()
