#include "tests/fuzz/import_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  countem::fuzz::try_import({data, size});
  return 0;
}

// What leaks inside HDF5 when it meets a damaged file is not ours to mend; try_import checks that nothing of ours stays open.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libhdf5";
}
