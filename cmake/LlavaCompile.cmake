# How our own code is compiled: warnings are errors in the presets dev and asan, sanitizers where asked.
option(LLAVA_WERROR "Treat warnings as errors" OFF)

function(llava_compile_options target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX,C>:-Wall;-Wextra;-Wno-unknown-pragmas>
    $<$<AND:$<COMPILE_LANGUAGE:CXX,C>,$<BOOL:${LLAVA_WERROR}>>:-Werror>)
  if(LLAVA_SANITIZE)
    # vptr needs RTTI of hidden LibTorch classes
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX,C>:-fsanitize=${LLAVA_SANITIZE};-fno-sanitize=vptr;-fno-sanitize-recover=all;-fno-omit-frame-pointer>)
    target_link_options(${target} PRIVATE -fsanitize=${LLAVA_SANITIZE})
  endif()
endfunction()
