#include "tests/fuzz/source_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  countem::fuzz::try_source({data, size});
  return 0;
}
