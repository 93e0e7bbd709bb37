# Cross compiling for 64-bit Arm with Debian's g++-aarch64-linux-gnu, and running what was built under qemu-user.
# COUNTEM_AARCH64_ROOT (environment or cache): an extracted arm64 root with the -dev packages; scripts/elsewhere.sh aarch64 makes it.
if(NOT COUNTEM_AARCH64_ROOT)
  set(COUNTEM_AARCH64_ROOT "$ENV{COUNTEM_AARCH64_ROOT}" CACHE PATH "Root of an arm64 system with the -dev packages")
endif()
if(NOT EXISTS "${COUNTEM_AARCH64_ROOT}/usr/include")
  message(FATAL_ERROR "COUNTEM_AARCH64_ROOT names no arm64 root; scripts/elsewhere.sh aarch64 makes one and configures with it")
endif()
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES COUNTEM_AARCH64_ROOT)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_SYSROOT "${COUNTEM_AARCH64_ROOT}")
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR "qemu-aarch64-static;-L;${COUNTEM_AARCH64_ROOT}")

# Programs are this machine's; headers, libraries and packages are the root's alone.
set(CMAKE_FIND_ROOT_PATH "${COUNTEM_AARCH64_ROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${COUNTEM_AARCH64_ROOT}")
set(ENV{PKG_CONFIG_LIBDIR} "${COUNTEM_AARCH64_ROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${COUNTEM_AARCH64_ROOT}/usr/share/pkgconfig")
