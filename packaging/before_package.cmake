# cpack runs this over what it is about to pack, once a generator. RPATHs name no folder of the machine that built; a Debian
# package gets the papers Debian wants.
file(GLOB_RECURSE _libraries ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*/libllava.so.*.*.*)
foreach(_library IN LISTS _libraries)
  if(NOT IS_SYMLINK ${_library})
    file(RPATH_SET FILE ${_library} NEW_RPATH "${CPACK_LLAVA_RUNPATH}")
  endif()
endforeach()
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()

foreach(_component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${_component} _name)
  set(_package ${CPACK_DEBIAN_${_name}_PACKAGE_NAME})
  set(_root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${_component}/usr/share)
  set(_doc ${_root}/doc/${_package})
  file(MAKE_DIRECTORY ${_doc})
  configure_file(${CPACK_LLAVA_PAPERS}/copyright ${_doc}/copyright COPYONLY)
  configure_file(${CPACK_LLAVA_PAPERS}/changelog ${_doc}/changelog COPYONLY)
  execute_process(COMMAND gzip -9n ${_doc}/changelog COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(GLOB _papers ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/Development/usr/share/doc/llava/*)
foreach(_paper IN LISTS _papers)  # to where the package's other papers lie; the licence is in copyright
  get_filename_component(_name ${_paper} NAME)
  file(RENAME ${_paper} ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/Development/usr/share/doc/libllava-dev/${_name})
endforeach()
file(REMOVE_RECURSE ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/Development/usr/share/doc/llava
  ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/Development/usr/share/doc/libllava-dev/LICENSE)
