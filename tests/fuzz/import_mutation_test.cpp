#include <gtest/gtest.h>

#include <random>

#include "tests/fuzz/import_input.hpp"

// What the fuzzer does, in small and the same every time, for builds without clang: sound files with a few bytes changed.
namespace countem::fuzz {
namespace {

TEST(import_mutations, are_imported_or_refused) {
  constexpr int rounds = 40;
  std::mt19937_64 random(2);
  for (const auto& [name, seed] : import_seeds()) {
    SCOPED_TRACE(name);
    ASSERT_NO_THROW(try_import(seed));
    for (int round = 0; round < rounds; ++round) {
      std::vector<std::uint8_t> input = seed;
      for (std::uint64_t change = random() % 4; change-- > 0;) {
        constexpr std::uint8_t telling[]{0x00, 0x01, 0x7f, 0x80, 0xf8, 0xff};
        input[1 + random() % (input.size() - 1)] =
            random() % 2 == 0 ? telling[random() % 6] : static_cast<std::uint8_t>(random());
      }
      if (random() % 4 == 0) input.resize(1 + random() % input.size());
      ASSERT_NO_THROW(try_import(input)) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace countem::fuzz
