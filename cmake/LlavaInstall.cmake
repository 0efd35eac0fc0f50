# What `cmake --install` puts where: headers, the library, the command, llava.pc, the CMake package, completion and papers; then
# what `cpack` makes of that. The library and the command are the targets `llava` and `llava_command`; without them there is
# nothing to install. Components: Runtime, Development, Command (LlavaPackage.cmake).
option(LLAVA_INSTALL "Write install rules" ${PROJECT_IS_TOP_LEVEL})
if(NOT TARGET llava)
  return()
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Before 1.0 each minor version is its own ABI. LibTorch is looked for beside the library, in ../torch/lib as a Python package
# would have it, where llava-torch puts a link to it, and where it was at build time, in this order.
set(LLAVA_SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(LLAVA_RUNPATH "$ORIGIN:$ORIGIN/../torch/lib:$ORIGIN/llava/torch/lib")
string(REPLACE ":" ";" _runpath "${LLAVA_RUNPATH}")
set_target_properties(llava PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${LLAVA_SOVERSION}
  INSTALL_RPATH "${_runpath};${LLAVA_TORCH_RPATH}")
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
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Runtime NAMELINK_COMPONENT Development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/llava DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT Development
  FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
file(RELATIVE_PATH LLAVA_LIBEXEC_TO_LIB ${CMAKE_INSTALL_FULL_LIBEXECDIR}/llava ${CMAKE_INSTALL_FULL_LIBDIR})
configure_file(${PROJECT_SOURCE_DIR}/packaging/llava-torch.in ${PROJECT_BINARY_DIR}/packaging/llava-torch @ONLY)
install(PROGRAMS ${PROJECT_BINARY_DIR}/packaging/llava-torch DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/llava COMPONENT Runtime)
if(TARGET llava_rank)
  set_target_properties(llava_rank PROPERTIES INSTALL_RPATH "$ORIGIN/${LLAVA_LIBEXEC_TO_LIB}")
  install(TARGETS llava_rank RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/llava COMPONENT Runtime)
endif()
if(TARGET llava_command)
  file(RELATIVE_PATH _to_library ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(llava_command PROPERTIES INSTALL_RPATH "$ORIGIN/${_to_library}")
  install(TARGETS llava_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT Command)
  install(FILES ${PROJECT_SOURCE_DIR}/completions/llava.bash RENAME llava
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT Command)
endif()

set(_package ${CMAKE_INSTALL_LIBDIR}/cmake/llava)
configure_package_config_file(${PROJECT_SOURCE_DIR}/packaging/llava-config.cmake.in
  ${PROJECT_BINARY_DIR}/packaging/llava-config.cmake INSTALL_DESTINATION ${_package} PATH_VARS CMAKE_INSTALL_LIBEXECDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/packaging/llava-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/packaging/llava-config.cmake ${PROJECT_BINARY_DIR}/packaging/llava-config-version.cmake
  DESTINATION ${_package} COMPONENT Development)
install(EXPORT llava-targets NAMESPACE llava:: DESTINATION ${_package} COMPONENT Development)

file(RELATIVE_PATH LLAVA_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" LLAVA_PC_TO_PREFIX "${LLAVA_PC_TO_PREFIX}")
configure_file(${PROJECT_SOURCE_DIR}/packaging/llava.pc.in ${PROJECT_BINARY_DIR}/packaging/llava.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/packaging/llava.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT Development)

install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/NOTICE
  ${PROJECT_SOURCE_DIR}/CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT Development)
install(FILES ${PROJECT_SOURCE_DIR}/docs/train.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs COMPONENT Development)

# `cmake --install build --prefix PREFIX --component LibTorch`, and only that: LibTorch into the installed tree, for a prefix that
# needs nothing else. What libtorch_cpu.so wants of CUDA lies where its own RPATH looks.
if(NOT LLAVA_CUDA)  # the card needs far more, and brings it as packages
  file(GLOB _torch_libraries ${LLAVA_TORCH_FOUND_DIR}/lib/libtorch_cpu.so ${LLAVA_TORCH_FOUND_DIR}/lib/libc10.so
    ${LLAVA_TORCH_FOUND_DIR}/lib/libgomp*.so*)
  file(GLOB _cuda_libraries ${LLAVA_TORCH_FOUND_DIR}/../nvidia/cu13/lib/libcudart.so.* ${LLAVA_TORCH_FOUND_DIR}/../nvidia/cu13/lib/libcupti.so.13)
  file(GLOB _torch_papers ${LLAVA_TORCH_FOUND_DIR}/version.py)
  file(GLOB _torch_licences ${LLAVA_TORCH_FOUND_DIR}/../torch-${LLAVA_TORCH_VERSION}*.dist-info/licenses)
  set(_torch ${CMAKE_INSTALL_LIBDIR}/llava/torch)
  install(FILES ${_torch_libraries} DESTINATION ${_torch}/lib COMPONENT LibTorch EXCLUDE_FROM_ALL)
  install(FILES ${_torch_papers} DESTINATION ${_torch} COMPONENT LibTorch EXCLUDE_FROM_ALL)
  install(FILES ${_cuda_libraries} DESTINATION ${CMAKE_INSTALL_LIBDIR}/llava/nvidia/cu13/lib COMPONENT LibTorch EXCLUDE_FROM_ALL)
  foreach(_licences IN LISTS _torch_licences)
    install(DIRECTORY ${_licences} DESTINATION ${_torch} COMPONENT LibTorch EXCLUDE_FROM_ALL)
  endforeach()
endif()
include(LlavaPackage)
