# Finds LibTorch 2.11 and defines the target llava_torch. CMake never downloads: tools/setup does.
# Looked for in this order: LLAVA_TORCH_DIR, variable or environment (the `torch` folder of the wheel or an unpacked
# LibTorch), an installed Python package (located without importing it), the cache of tools/setup.
#
# What is built here finds its libraries by path: LLAVA_TORCH_RPATH is the build RPATH of every target. libtorch_cpu.so needs
# libcudart.so.13 and libcupti.so.13 even without a GPU and looks for them in ../../nvidia/cu13/lib beside its own folder, as
# the wheels lay them out; the folder stands in the RPATH too, for a LibTorch that lies elsewhere.
set(LLAVA_TORCH_VERSION 2.11.0)
set(LLAVA_TORCH_DIR "$ENV{LLAVA_TORCH_DIR}" CACHE PATH "The torch folder that holds include/ and lib/")

if(DEFINED ENV{LLAVA_CACHE})
  set(LLAVA_CACHE $ENV{LLAVA_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(LLAVA_CACHE $ENV{XDG_CACHE_HOME}/libllava)
else()
  set(LLAVA_CACHE $ENV{HOME}/.cache/libllava)
endif()

set(_places ${LLAVA_TORCH_DIR})
if(NOT LLAVA_TORCH_DIR)
  find_program(LLAVA_PYTHON NAMES python3)
  if(LLAVA_PYTHON)
    execute_process(COMMAND ${LLAVA_PYTHON} -c
      "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
      OUTPUT_VARIABLE _installed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(_installed AND EXISTS ${_installed}/version.py)
      file(STRINGS ${_installed}/version.py _line REGEX "^__version__")
      if(_line MATCHES "'${LLAVA_TORCH_VERSION}")
        list(APPEND _places ${_installed})
      endif()
    endif()
  endif()
  list(APPEND _places ${LLAVA_CACHE}/torch-${LLAVA_TORCH_VERSION}/torch)
endif()
set(_torch "")
foreach(_place IN LISTS _places)
  if(NOT _torch AND EXISTS ${_place}/lib/libtorch_cpu.so AND EXISTS ${_place}/include/ATen/core/Tensor.h)
    set(_torch ${_place})
  endif()
endforeach()
if(NOT _torch)
  string(REPLACE ";" "\n    " _tried "${_places}")
  message(FATAL_ERROR "LibTorch ${LLAVA_TORCH_VERSION} was not found in\n    ${_tried}\n"
    "Run tools/setup, or pip install torch==${LLAVA_TORCH_VERSION}, or give -DLLAVA_TORCH_DIR=<folder with include/ and lib/>.")
endif()
file(READ ${_torch}/include/torch/headeronly/version.h _header)
string(REGEX MATCH "TORCH_VERSION[^\"]*\"([0-9.]+)" _match "${_header}")
if(NOT CMAKE_MATCH_1 STREQUAL LLAVA_TORCH_VERSION)
  message(FATAL_ERROR "${_torch} holds LibTorch ${CMAKE_MATCH_1}, libllava is written for ${LLAVA_TORCH_VERSION}")
endif()
set(LLAVA_TORCH_FOUND_DIR ${_torch})
message(STATUS "LibTorch ${LLAVA_TORCH_VERSION}: ${_torch}")

add_library(llava_torch INTERFACE)
target_include_directories(llava_torch SYSTEM INTERFACE ${_torch}/include ${_torch}/include/torch/csrc/api/include)
set(_cuda_libraries ${_torch}/lib ${_torch}/../nvidia/cu13/lib ${LLAVA_CACHE}/torch-${LLAVA_TORCH_VERSION}/nvidia/cu13/lib)
target_link_libraries(llava_torch INTERFACE ${_torch}/lib/libtorch_cpu.so ${_torch}/lib/libc10.so)
# the OpenMP runtime LibTorch is linked with: ops/cpu/parallel.cpp runs on its threads, never on those of a second one
file(GLOB _openmp ${_torch}/lib/libgomp*.so* ${_torch}/../torch.libs/libgomp*.so*)
if(_openmp)
  list(GET _openmp 0 _openmp)
else()
  find_library(_openmp NAMES libgomp.so.1 gomp REQUIRED)
endif()
target_link_libraries(llava_torch INTERFACE ${_openmp})
foreach(_folder IN LISTS _cuda_libraries)
  if(EXISTS ${_folder})
    file(REAL_PATH ${_folder} _folder)
    target_link_options(llava_torch INTERFACE "LINKER:-rpath-link,${_folder}")
    list(APPEND LLAVA_TORCH_RPATH ${_folder})
  endif()
endforeach()
list(REMOVE_DUPLICATES LLAVA_TORCH_RPATH)
set(CMAKE_BUILD_RPATH ${LLAVA_TORCH_RPATH})
if(LLAVA_CUDA OR LLAVA_CUDA_CHECK)
  if(NOT EXISTS ${_torch}/lib/libtorch_cuda.so)
    message(FATAL_ERROR "${_torch} has no libtorch_cuda.so; run tools/setup --cuda, or give -DLLAVA_TORCH_DIR=<folder>.")
  endif()
  # NCCL's header, of the release LibTorch was built with and no other: a struct of it lies inside ProcessGroupNCCL::Options
  set(_nccl_version 2.28.9)
  find_path(LLAVA_NCCL_INCLUDE nccl.h NO_DEFAULT_PATH
    PATHS ${_torch}/../nvidia/nccl/include ${LLAVA_CACHE}/nccl-${_nccl_version}/include)
  if(NOT LLAVA_NCCL_INCLUDE)
    message(FATAL_ERROR "nccl.h ${_nccl_version} was not found. Run tools/setup --cuda, or pip install "
      "nvidia-nccl-cu13==${_nccl_version} beside torch, or give -DLLAVA_NCCL_INCLUDE=<folder that holds nccl.h>.")
  endif()
  file(STRINGS ${LLAVA_NCCL_INCLUDE}/nccl.h _nccl REGEX "^#define NCCL_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9]+" "." _nccl "${_nccl}")
  if(NOT _nccl STREQUAL ".${_nccl_version}")
    message(FATAL_ERROR "${LLAVA_NCCL_INCLUDE}/nccl.h is${_nccl}, LibTorch ${LLAVA_TORCH_VERSION} was built with ${_nccl_version}")
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit 13.0 REQUIRED)
  add_library(llava_torch_cuda INTERFACE)
  target_link_libraries(llava_torch_cuda INTERFACE "-Wl,--no-as-needed" ${_torch}/lib/libtorch_cuda.so "-Wl,--as-needed"
    ${_torch}/lib/libc10_cuda.so CUDA::cudart)
  target_include_directories(llava_torch_cuda SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS})
  # the libraries that libtorch_cuda.so wants at run time need not be here
  target_link_options(llava_torch_cuda INTERFACE "LINKER:--allow-shlib-undefined")
  if(LLAVA_CUDA)
    target_link_libraries(llava_torch INTERFACE llava_torch_cuda)
    add_link_options("LINKER:--allow-shlib-undefined")  # also for programs that link libllava alone
  endif()
endif()
