# Included by CMake after each project() of llama.cpp: see .cargo/config.toml.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "Build llama-common" FORCE)
