# Third-party libraries other than LibTorch, one interface target each. tools/setup installs them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# sentencepiece 0.2.1, static, built by tools/setup into the cache (Debian's 0.1.97 dies on long pieces)
set(LLAVA_SENTENCEPIECE_DIR ${LLAVA_CACHE}/sentencepiece-0.2.1 CACHE PATH "Prefix of a static sentencepiece 0.2.1")
if(NOT EXISTS ${LLAVA_SENTENCEPIECE_DIR}/lib/libsentencepiece.a)
  message(FATAL_ERROR "sentencepiece 0.2.1 was not found in ${LLAVA_SENTENCEPIECE_DIR}; run tools/setup")
endif()
add_library(llava_sentencepiece INTERFACE)
target_include_directories(llava_sentencepiece SYSTEM INTERFACE ${LLAVA_SENTENCEPIECE_DIR}/include)
target_link_libraries(llava_sentencepiece INTERFACE ${LLAVA_SENTENCEPIECE_DIR}/lib/libsentencepiece.a Threads::Threads)

# pictures: libjpeg-turbo, zlib (PNG), libcrypto (SHA-256 of pictures), libwebp when there
find_package(JPEG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
pkg_check_modules(WEBP IMPORTED_TARGET libwebp)
add_library(llava_pictures INTERFACE)
target_link_libraries(llava_pictures INTERFACE JPEG::JPEG ZLIB::ZLIB OpenSSL::Crypto)
if(WEBP_FOUND)
  target_link_libraries(llava_pictures INTERFACE PkgConfig::WEBP)
  target_compile_definitions(llava_pictures INTERFACE LLAVA_WITH_WEBP=1)
endif()

find_package(nlohmann_json 3.11 REQUIRED)
add_library(llava_json INTERFACE)
target_link_libraries(llava_json INTERFACE nlohmann_json::nlohmann_json)

# tokenizer.json: other regular expressions than the well-known ones, and Unicode's classes and normal forms
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8>=10.38)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)  # its .pc of 2.8 says 2.6
add_library(llava_unicode INTERFACE)
target_link_libraries(llava_unicode INTERFACE PkgConfig::PCRE2 PkgConfig::UTF8PROC)

# content hashes: xxHash's header alone (XXH_INLINE_ALL), nothing to link
find_path(LLAVA_XXHASH_INCLUDE xxhash.h REQUIRED)
add_library(llava_hash INTERFACE)
target_include_directories(llava_hash SYSTEM INTERFACE ${LLAVA_XXHASH_INCLUDE})

# ranks: LibTorch has gloo's code but not its headers; comm/gloo_comm.cpp alone reads them, and nothing of gloo is linked
find_path(LLAVA_GLOO_INCLUDE gloo/context.h)
if(NOT LLAVA_GLOO_INCLUDE)
  message(FATAL_ERROR "gloo/context.h was not found: training on several ranks needs gloo's headers (Debian: libgloo-dev). "
    "Run tools/setup, or give -DLLAVA_GLOO_INCLUDE=<folder that holds gloo/context.h>.")
endif()
