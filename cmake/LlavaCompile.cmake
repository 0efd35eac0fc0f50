# How our own code is compiled: warnings are errors in the presets dev and asan, sanitizers where asked.
option(LLAVA_WERROR "Treat warnings as errors" OFF)

function(llava_compile_options target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX,C>:-Wall;-Wextra;-Wno-unknown-pragmas>
    $<$<AND:$<COMPILE_LANGUAGE:CXX,C>,$<BOOL:${LLAVA_WERROR}>>:-Werror>)
  if(LLAVA_SANITIZE)
    # vptr needs RTTI of hidden LibTorch classes; more optimisation or debug information than names of functions and lines would
    # double the time of the build
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX,C>:-fsanitize=${LLAVA_SANITIZE};-fno-sanitize=vptr;-fno-sanitize-recover=all;-fno-omit-frame-pointer;-O1;-g1>)
    target_link_options(${target} PRIVATE -fsanitize=${LLAVA_SANITIZE})
  endif()
endfunction()

# What computes nothing that takes long is optimised less, for the sake of the build's time: LEVEL is -O1 or -O2.
function(llava_optimise target level)
  target_compile_options(${target} PRIVATE $<$<AND:$<COMPILE_LANGUAGE:CXX,C>,$<CONFIG:Release,RelWithDebInfo>>:${level}>)
  if(level STREQUAL -O1 AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # at this level GCC 12 sees bounds passed that are not, in its own std::string
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow)
  endif()
endfunction()

# clang's libFuzzer comes with libclang-rt; without it the fuzz targets are built as ordinary tests
if(LLAVA_FUZZ)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_FLAGS -fsanitize=fuzzer)
  check_cxx_source_compiles(
    "extern \"C\" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }" LLAVA_HAS_LIBFUZZER)
  unset(CMAKE_REQUIRED_FLAGS)
  if(NOT LLAVA_HAS_LIBFUZZER)
    message(STATUS "no libFuzzer (clang and libclang-rt have it): the fuzz targets only replay their files")
    set(LLAVA_FUZZ OFF)
  endif()
endif()
