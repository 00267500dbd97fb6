# The flags are fixed and go into run.json: a result is for these binaries. No -march and no LTO,
# so that the same source gives the same code on every x86-64 machine; frame pointers, so that a
# profile of a worker is readable.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")

add_compile_options(-fno-omit-frame-pointer -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                    -Wnon-virtual-dtor -Woverloaded-virtual)
option(STACKHEAP_WERROR "Warnings are errors" OFF)
if(STACKHEAP_WERROR)
  add_compile_options(-Werror)
endif()
if(STACKHEAP_SANITIZE)
  # Nothing is timed under a sanitizer, and -O1 builds in half of the time.
  set(CMAKE_CXX_FLAGS_RELEASE "-O1 -g1")
  # gcc 12 takes instrumented std::optional for uninitialised.
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  add_compile_options(-fsanitize=${STACKHEAP_SANITIZE} -fno-sanitize-recover=all)
  # clang 14 cannot compile coroutines with what this check puts before each function.
  if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    add_compile_options(-fno-sanitize=function)
  endif()
  add_link_options(-fsanitize=${STACKHEAP_SANITIZE})
endif()

# stackheap_steer_fuzzer(TARGET): with the coverage that libFuzzer steers by. It makes arithmetic twice
# to three times as slow, so only what the fuzz targets run has it.
function(stackheap_steer_fuzzer target)
  if(STACKHEAP_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# The workloads' own. gcc removes malloc and free pairs whose block it can see is unused; and where a
# loop happens to lie moved some results by 3 %, so loops start at a cache line. clang declares the
# sized operator delete only with -fsized-deallocation.
set(STACKHEAP_SUITE_FLAGS -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc
    -fno-builtin-free -fno-builtin-aligned_alloc -fsized-deallocation -falign-loops=64)

# What run.json says of the build.
string(TOUPPER "${CMAKE_BUILD_TYPE}" STACKHEAP_BUILD_TYPE_UPPER)
set(STACKHEAP_BUILD_FLAGS
    "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${STACKHEAP_BUILD_TYPE_UPPER}} -fno-omit-frame-pointer")
if(STACKHEAP_SANITIZE)
  string(APPEND STACKHEAP_BUILD_FLAGS " -fsanitize=${STACKHEAP_SANITIZE}")
endif()
list(JOIN STACKHEAP_SUITE_FLAGS " " suite_flags)
string(APPEND STACKHEAP_BUILD_FLAGS " (workloads also ${suite_flags})")
string(STRIP "${STACKHEAP_BUILD_FLAGS}" STACKHEAP_BUILD_FLAGS)
