# The one place where dependencies are named; docs/dependencies.md says why each is there.
if(COUNTEM_IO)
  find_package(PkgConfig REQUIRED)
  find_package(Threads REQUIRED)
  find_package(TBB REQUIRED)
  find_package(fmt REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(PNG REQUIRED)
  find_package(ZLIB REQUIRED)
  # Debian's MPI package takes over the module name "hdf5"; hdf5-serial stays what it says.
  pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5-serial)
  pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
  pkg_check_modules(DEFLATE REQUIRED IMPORTED_TARGET libdeflate)
endif()
