# The one place where dependencies are named; docs/dependencies.md says why each is there.
if(COUNTEM_IO)
  find_package(PkgConfig REQUIRED)
  find_package(Threads REQUIRED)
  find_package(TBB REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(fmt REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(PNG REQUIRED)
  find_package(ZLIB REQUIRED)
  # Debian's MPI package takes over the module name "hdf5"; hdf5-serial stays what it says.
  pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5-serial)
  pkg_check_modules(BSHUF QUIET IMPORTED_TARGET bshuf-static)  # only what wheels are built with has it
  pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
  pkg_check_modules(DEFLATE REQUIRED IMPORTED_TARGET libdeflate)
  pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
  pkg_check_modules(TIFF REQUIRED IMPORTED_TARGET libtiff-4>=4.5)
  find_package(Eigen3 REQUIRED)
endif()

# For installed static libraries: each target that they link, and the pkg-config module under which a consumer's link finds it. What
# our own headers do not show, a consumer is not asked for: header-only libraries stay out.
set(countem_link_targets TBB::tbb fmt::fmt PNG::PNG ZLIB::ZLIB PkgConfig::HDF5 PkgConfig::HWY PkgConfig::DEFLATE PkgConfig::ISAL PkgConfig::TIFF)
set(countem_link_modules tbb fmt libpng zlib hdf5-serial libhwy libdeflate libisal libtiff-4)
set(countem_header_only nlohmann_json::nlohmann_json Eigen3::Eigen)
if(BSHUF_FOUND)
  list(APPEND countem_link_targets PkgConfig::BSHUF)
  list(APPEND countem_link_modules bshuf-static)
endif()
