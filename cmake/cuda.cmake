# Decides whether the cuda backend is compiled: COUNTEM_HAS_CUDA. docs/decisions/0010-cuda-in-the-build.md says why so.
#   OFF   never
#   AUTO  where nvcc and a device are: for that device
#   ON    where nvcc is, for every architecture we name, and an error where it is not
set(COUNTEM_CUDA_ARCHITECTURES "80-real;86-real;89-real;90-real;100-real;120-real;120-virtual" CACHE STRING
    "What COUNTEM_CUDA=ON compiles for")
set(COUNTEM_HAS_CUDA FALSE CACHE INTERNAL "The cuda backend is compiled")
if(COUNTEM_CUDA STREQUAL "OFF")
  return()
endif()

if(COUNTEM_CUDA STREQUAL "AUTO" AND NOT EXISTS /dev/nvidia0)
  message(STATUS "cuda backend: not compiled, this machine has no device (COUNTEM_CUDA=ON compiles it for others)")
  return()
endif()
find_package(CUDAToolkit QUIET)
if(NOT CUDAToolkit_NVCC_EXECUTABLE)
  if(COUNTEM_CUDA STREQUAL "ON")
    message(FATAL_ERROR "COUNTEM_CUDA=ON needs a CUDA toolkit: put nvcc on the PATH, or configure with -DCOUNTEM_CUDA=OFF")
  endif()
  message(STATUS "cuda backend: not compiled, there is a device but no nvcc")
  return()
endif()
if(COUNTEM_CUDA STREQUAL "ON")
  set(cuda_architectures "${COUNTEM_CUDA_ARCHITECTURES}")
else()
  set(cuda_architectures native)
endif()

set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
set(CMAKE_CUDA_ARCHITECTURES "${cuda_architectures}")
enable_language(CUDA)
# CMake 3.25 does not know that nvcc 13 compiles C++20.
if(NOT cuda_std_20 IN_LIST CMAKE_CUDA_COMPILE_FEATURES)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
  list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
endif()
set(COUNTEM_HAS_CUDA TRUE CACHE INTERNAL "The cuda backend is compiled")
