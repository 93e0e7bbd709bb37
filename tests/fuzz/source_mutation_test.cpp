#include <gtest/gtest.h>

#include <random>

#include <countem/frame_source.hpp>

#include "tests/fuzz/hdf5_frames.hpp"
#include "tests/fuzz/source_input.hpp"
#include "tests/store/temporary_directory.hpp"

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
  return input;
}

bytes mutate_with_format(bytes input, std::mt19937_64& random) {
  input = mutate(std::move(input), random);
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
      const bytes input = mutate_with_format(seed, random);
      ASSERT_NO_THROW(try_source(input)) << "round " << round;
    }
  }
}

TEST(source_mutations, begin_with_hdf5_files_that_hold_frames) {
  const test::temporary_directory directory;
  for (const auto& [name, recipe] : hdf5_frames_seeds()) {
    SCOPED_TRACE(name);
    write_hdf5_frames(directory / "frames.h5", recipe);
    std::unique_ptr<frame_source> source;
    ASSERT_NO_THROW(source = open_source({directory / "frames.h5"}, {}));
    EXPECT_GE(source->info().shape.pixels(), 6U);
    EXPECT_EQ(source->info().scan.frames(), name == "nexus" || name == "links" ? 1U : 2U);
  }
}

TEST(source_mutations, of_hdf5_files_are_read_or_refused) {
  constexpr int rounds = 60;
  std::mt19937_64 random(1);
  const bytes sound = sound_hdf5_file();
  ASSERT_NO_THROW(try_hdf5_file(sound));
  for (int round = 0; round < rounds; ++round) {
    const bytes damaged = mutate(sound, random);
    ASSERT_NO_THROW(try_hdf5_file(damaged)) << "round " << round;
  }
}

}  // namespace
}  // namespace countem::fuzz
