#pragma once

#include <string>
#include <vector>

namespace countem {

/// What a build is made of; what a report of a fault should hold.
struct build_facts {
  std::string version;                ///< of countem, as "0.1.0"
  std::string commit;                 ///< of the source tree when it was configured, 12 digits; empty where it is not known
  std::string compiler;               ///< "GNU 12.2.0"
  std::vector<std::string> backends;  ///< those compiled in, as backend options name them
  std::string simd_target;            ///< instruction set that the cpu backend uses on this machine, as "AVX3"
  std::string hdf5_version;           ///< of the library linked at run time
  std::string tbb_version;            ///< of the library linked at run time
};

/// The facts of this build on this machine. Safe to call from any thread.
[[nodiscard]] build_facts describe_build();

}  // namespace countem
