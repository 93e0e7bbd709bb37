# Decides whether the module that joins the ranks of an MPI job is compiled: COUNTEM_HAS_MPI. docs/decisions/0044-mpi.md says why so.
#   OFF   never
#   AUTO  where MPI is found
#   ON    always, and an error where it is not found
set(COUNTEM_HAS_MPI FALSE CACHE INTERNAL "The module for MPI is compiled")
if(COUNTEM_MPI STREQUAL "OFF" OR NOT COUNTEM_IO OR (COUNTEM_MPI STREQUAL "AUTO" AND (COUNTEM_SANITIZE OR CMAKE_CROSSCOMPILING)))
  return()
endif()
set(MPI_CXX_SKIP_MPICXX TRUE)  # C++ bindings, which MPI 3 removed
find_package(MPI 3.0 QUIET COMPONENTS CXX)
if(MPI_CXX_FOUND)
  set(COUNTEM_HAS_MPI TRUE CACHE INTERNAL "The module for MPI is compiled")
elseif(COUNTEM_MPI STREQUAL "ON")
  message(FATAL_ERROR "COUNTEM_MPI=ON needs MPI: install libopenmpi-dev, or configure with -DCOUNTEM_MPI=OFF")
else()
  message(STATUS "countem: no MPI: it was not found (libopenmpi-dev)")
endif()
