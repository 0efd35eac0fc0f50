# What `cmake --install` puts where: headers, the library, the command, llava.pc, the CMake package, completion and papers.
# The library and the command are the targets `llava` and `llava_command`; without them there is nothing to install.
option(LLAVA_INSTALL "Write install rules" ${PROJECT_IS_TOP_LEVEL})
if(NOT TARGET llava)
  return()
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Before 1.0 each minor version is its own ABI. LibTorch is looked for beside the library, in ../torch/lib as a Python package
# would have it, and where it was at build time, in this order.
set_target_properties(llava PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  INSTALL_RPATH "$ORIGIN;$ORIGIN/../torch/lib;${LLAVA_TORCH_RPATH}")
if(NOT TARGET llava_cpp)
  add_library(llava_cpp INTERFACE)
  target_compile_features(llava_cpp INTERFACE cxx_std_17)
  target_link_libraries(llava_cpp INTERFACE llava)
endif()
set_target_properties(llava_cpp PROPERTIES EXPORT_NAME cpp)
if(NOT TARGET llava::llava)
  add_library(llava::llava ALIAS llava)
endif()
if(NOT TARGET llava::cpp)
  add_library(llava::cpp ALIAS llava_cpp)
endif()
if(NOT LLAVA_INSTALL)
  return()
endif()

install(TARGETS llava llava_cpp EXPORT llava-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_COMPONENT Development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/llava DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
if(TARGET llava_rank)
  file(RELATIVE_PATH _to_library ${CMAKE_INSTALL_FULL_LIBEXECDIR}/llava ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(llava_rank PROPERTIES INSTALL_RPATH "$ORIGIN/${_to_library}")
  install(TARGETS llava_rank RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/llava)
endif()
if(TARGET llava_command)
  file(RELATIVE_PATH _to_library ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(llava_command PROPERTIES INSTALL_RPATH "$ORIGIN/${_to_library}")
  install(TARGETS llava_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/completions/llava.bash RENAME llava
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()

set(_package ${CMAKE_INSTALL_LIBDIR}/cmake/llava)
configure_package_config_file(${PROJECT_SOURCE_DIR}/pkgconfig/llava-config.cmake.in
  ${PROJECT_BINARY_DIR}/pkgconfig/llava-config.cmake INSTALL_DESTINATION ${_package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pkgconfig/llava-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pkgconfig/llava-config.cmake ${PROJECT_BINARY_DIR}/pkgconfig/llava-config-version.cmake
  DESTINATION ${_package})
install(EXPORT llava-targets NAMESPACE llava:: DESTINATION ${_package})

file(RELATIVE_PATH LLAVA_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" LLAVA_PC_TO_PREFIX "${LLAVA_PC_TO_PREFIX}")
configure_file(${PROJECT_SOURCE_DIR}/pkgconfig/llava.pc.in ${PROJECT_BINARY_DIR}/pkgconfig/llava.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pkgconfig/llava.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

foreach(_paper README.md LICENSE NOTICE CHANGELOG.md)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${_paper})
    install(FILES ${PROJECT_SOURCE_DIR}/${_paper} DESTINATION ${CMAKE_INSTALL_DOCDIR})
  endif()
endforeach()
