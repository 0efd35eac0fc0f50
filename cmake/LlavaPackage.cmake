# What `cpack` makes of the install rules: one tar.gz with everything, and three Debian packages:
#
#   libllava0.N    the library, llava-rank, llava-torch         component Runtime
#   libllava-dev   headers, libllava.so, llava.pc, CMake        component Development
#   llava          the command and its completion               component Command
#
# LibTorch is in none of them: no Debian package has it, and one process holds one. llava-torch tells the library where it is.
set(CPACK_PACKAGE_NAME llava)
set(CPACK_PACKAGE_VENDOR "The libllava authors")
set(LLAVA_PACKAGE_CONTACT "The libllava authors <libllava@localhost>" CACHE STRING "Who answers for the packages: Name <mail>")
set(CPACK_PACKAGE_CONTACT ${LLAVA_PACKAGE_CONTACT})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PACKAGE_FILE_NAME llava-${PROJECT_VERSION}-linux-x86_64)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/packaging/before_package.cmake)  # no path of this machine in RPATHs
set(CPACK_LLAVA_RUNPATH "${LLAVA_RUNPATH}")
set(CPACK_LLAVA_PAPERS ${PROJECT_BINARY_DIR}/packaging)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${LLAVA_TORCH_RPATH} ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(LLAVA_RUNTIME_PACKAGE libllava${LLAVA_SOVERSION})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${LLAVA_RUNTIME_PACKAGE})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY "=")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/triggers
  ${PROJECT_BINARY_DIR}/packaging/postinst ${PROJECT_BINARY_DIR}/packaging/postrm)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libllava-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${LLAVA_RUNTIME_PACKAGE} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME llava)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION science)
set(CPACK_DEBIAN_COMMAND_PACKAGE_DEPENDS "${LLAVA_RUNTIME_PACKAGE} (= ${PROJECT_VERSION})")

set(_about "LLaVA answers questions about pictures. libllava runs and trains such
models behind one C interface, on LibTorch.")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "The shared library.
.
${_about}
.
LibTorch ${LLAVA_TORCH_VERSION} is needed and not part of this package; the program
/usr/libexec/llava/llava-torch says where it is looked for.")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Headers for C and C++, llava.pc and a CMake package.
.
${_about}")
set(CPACK_COMPONENT_COMMAND_DESCRIPTION "The command llava.
.
${_about}")
set(CPACK_COMPONENTS_ALL Runtime Development)
if(TARGET llava_command)
  list(APPEND CPACK_COMPONENTS_ALL Command)
endif()

# Debian wants copyright and changelog in the folder of each package
foreach(_paper copyright changelog postinst postrm)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/${_paper}.in ${PROJECT_BINARY_DIR}/packaging/${_paper} @ONLY)
endforeach()
include(CPack)
