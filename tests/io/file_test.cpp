#include "io/files/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <numeric>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "tests/io/new_file.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::io {
namespace {

/// Pieces of 0, 1, 2, ... bytes, and all their bytes in order.
struct many_pieces {
  explicit many_pieces(std::size_t count) {
    for (std::size_t bytes = 0; bytes < count; ++bytes) {
      std::vector<std::uint8_t>& piece = memory.emplace_back(bytes);
      std::iota(piece.begin(), piece.end(), static_cast<std::uint8_t>(3 * bytes));
      pieces.push_back({piece.data(), piece.size()});
      all.insert(all.end(), piece.begin(), piece.end());
    }
  }
  std::deque<std::vector<std::uint8_t>> memory;
  std::vector<file_piece> pieces;
  std::vector<std::uint8_t> all;
};

std::vector<std::uint8_t> read(const file_handle& file, std::uint64_t offset, std::size_t bytes) {
  std::vector<std::uint8_t> found(bytes);
  found.resize(file.read_at(offset, found.data(), bytes));
  return found;
}

TEST(file, pieces_are_written_one_behind_the_other) {
  const test::temporary_directory directory;
  const file_handle file = test::new_file(directory / "pieces");
  const many_pieces some(200);  // more than one call takes
  file.write_at(7, some.pieces);
  EXPECT_EQ(file.size(), 7 + some.all.size());
  EXPECT_EQ(read(file, 7, some.all.size() + 1), some.all);
}

TEST(file, pieces_that_do_not_fit_are_an_error_and_those_before_are_there) {
  const test::temporary_directory directory;
  const many_pieces some(100);
  constexpr rlim_t fitting = 1000;
  // In a process of its own: a limit of this one would hold for every file of the tests that follow.
  const auto write_with_limit = [&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{fitting, fitting};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(1);
    const file_handle file = test::new_file(directory / "pieces");
    try {
      file.write_at(0, some.pieces);
    } catch (const io_error& problem) {
      const std::string sentence = problem.what();
      const bool names_place = sentence.find("pieces: writing at byte 1000 failed") != std::string::npos;
      std::_Exit(names_place && read(file, 0, 2 * fitting) == std::vector(some.all.begin(), some.all.begin() + fitting) ? 0
                                                                                                                        : 2);
    }
    std::_Exit(3);
  };
  EXPECT_EXIT(write_with_limit(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace countem::io
