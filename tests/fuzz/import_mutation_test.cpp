#include <gtest/gtest.h>

#include <random>

#include "tests/fuzz/import_input.hpp"

// What the fuzzer does, in small and the same every time, for builds without clang: sound files with a few bytes changed.
namespace countem::fuzz {
namespace {

using bytes = std::vector<std::uint8_t>;

bytes mutate(bytes input, std::mt19937_64& random) {
  for (std::uint64_t change = random() % 4; change-- > 0;) {
    constexpr std::uint8_t telling[]{0x00, 0x01, 0x7f, 0x80, 0xf8, 0xff};
    input[1 + random() % (input.size() - 1)] = random() % 2 == 0 ? telling[random() % 6] : static_cast<std::uint8_t>(random());
  }
  if (random() % 4 == 0) input.resize(1 + random() % input.size());
  return input;
}

void expect_imported_or_refused(const std::vector<std::pair<std::string, bytes>>& seeds,
                                void (*attempt)(std::span<const std::uint8_t>)) {
  constexpr int rounds = 40;
  std::mt19937_64 random(2);
  for (const auto& [name, seed] : seeds) {
    SCOPED_TRACE(name);
    ASSERT_NO_THROW(attempt(seed));
    for (int round = 0; round < rounds; ++round) {
      const bytes input = mutate(seed, random);
      ASSERT_NO_THROW(attempt(input)) << "round " << round;
    }
  }
}

TEST(import_mutations, of_lists_are_imported_or_refused) {
  expect_imported_or_refused(import_seeds(), try_import);
}

TEST(import_mutations, of_files_are_imported_or_refused) {
  expect_imported_or_refused(importable_files(), try_import_file);
}

}  // namespace
}  // namespace countem::fuzz
