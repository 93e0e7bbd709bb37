#include <gtest/gtest.h>

#include <random>

#include "tests/fuzz/source_input.hpp"

// What the fuzzer does, in small and the same every time, for builds without clang: sound files with a few bytes changed.
namespace countem::fuzz {
namespace {

using bytes = std::vector<std::uint8_t>;

/// A few bytes near the beginning (where headers are) set to telling values, or the end cut off.
bytes mutate(bytes input, std::mt19937_64& random) {
  constexpr std::uint8_t telling[]{0x00, 0x01, 0x7f, 0x80, 0xff};
  const std::size_t reach = random() % 2 == 0 ? std::min<std::size_t>(input.size(), 256) : input.size();
  for (std::uint64_t change = random() % 4; change-- > 0;) {
    std::uint8_t& byte = input[1 + random() % (reach - 1)];
    byte = random() % 2 == 0 ? telling[random() % 5] : static_cast<std::uint8_t>(random());
  }
  if (random() % 4 == 0) input.resize(1 + random() % input.size());
  if (random() % 8 == 0) input[0] = static_cast<std::uint8_t>(random());
  return input;
}

TEST(source_mutations, are_read_or_refused) {
  constexpr int rounds = 30;
  std::mt19937_64 random(1);
  for (const auto& [name, seed] : source_seeds()) {
    SCOPED_TRACE(name);
    ASSERT_NO_THROW(try_source(seed));
    for (int round = 0; round < rounds; ++round) {
      const bytes input = mutate(seed, random);
      ASSERT_NO_THROW(try_source(input)) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace countem::fuzz
