#include <countem/build_facts.hpp>

#include <tbb/version.h>

#include <countem/version.hpp>

#include "io/store/hdf5_library.hpp"
#include "kernels/cpu/simd_target.hpp"

namespace countem {

build_facts describe_build() {
  build_facts facts;
  facts.version = version;
  facts.commit = COUNTEM_COMMIT;
  facts.compiler = COUNTEM_COMPILER;
  facts.backends = {"reference", "cpu"};
  if (COUNTEM_CUDA_COMPILED) facts.backends.emplace_back("cuda");
  facts.simd_target = cpu::simd_target();
  facts.hdf5_version = io::hdf5_version();
  facts.tbb_version = TBB_runtime_version();
  return facts;
}

}  // namespace countem
