#include <sys/stat.h>

#include "tests/io/source_fixture.hpp"

// How inputs are found and told apart, and what is refused before any format is looked at.
namespace countem::testing_io {
namespace {

struct opening : ::testing::Test {
  temporary_directory scratch;
  io::raw_scan scan{.frame = {8, 10}, .scan = {2, 3, 1}};

  fs::path make(input_format format) {
    scan.format = format;
    return write_pattern(scratch.path(), scan).front();
  }
};

TEST_F(opening, nothing_missing_empty_directory) {
  expect_error<invalid_argument>({}, {}, {"no input"});
  expect_error<io_error>({scratch / "absent.data"}, {}, {"absent.data", "No such file"});
  save(scratch / "empty_module0.data", {});
  expect_error<format_error>({scratch / "empty_module0.data"}, {}, {"empty_module0.data", "is empty"});
  fs::create_directory(scratch / "folder");
  expect_error<format_error>({scratch / "folder"}, {}, {"folder", "directory"});
  expect_error<format_error>({scratch / "folder"}, as(input_format::npy), {"folder", "without npy files"});
}

TEST_F(opening, a_pipe_does_not_hang) {
  ASSERT_EQ(::mkfifo((scratch / "pipe_module0.data").c_str(), 0600), 0);
  expect_error<format_error>({scratch / "pipe_module0.data"}, {}, {"pipe_module0.data", "neither a file nor a directory"});
}

TEST_F(opening, format_from_magic_even_under_another_name) {
  const fs::path npy = make(input_format::npy);
  fs::rename(npy, scratch / "frames.dat");
  const auto source = open_source({scratch / "frames.dat"}, {});
  EXPECT_EQ(source->info().format, input_format::npy);
  expect_pattern(*source);
}

TEST_F(opening, format_that_cannot_be_told) {
  save(scratch / "frames.xyz", std::vector<char>(100, 'x'));
  expect_error<format_error>({scratch / "frames.xyz"}, {}, {"frames.xyz", "--input-format"});
}

TEST_F(opening, v3_is_found_by_itself) {
  scan.frame = {576, 576};
  const auto source = open_source({make(input_format::v3)}, {});
  EXPECT_EQ(source->info().format, input_format::v3);
  expect_pattern(*source);
}

TEST_F(opening, a_directory_with_one_npy_file) {
  make(input_format::npy);
  expect_pattern(*open_source({scratch.path()}, {}));
  expect_pattern(*open_source({scratch.path()}, as(input_format::npy)));
}

TEST_F(opening, one_file_where_the_format_is_one_file) {
  const fs::path npy = make(input_format::npy);
  fs::copy_file(npy, scratch / "other.npy");
  expect_error<invalid_argument>({npy, scratch / "other.npy"}, {}, {"2 npy files"});
}

TEST_F(opening, absurd_scans_of_the_caller) {
  const fs::path npy = make(input_format::npy);
  for (const scan_shape wrong : {scan_shape{0, 3, 1}, scan_shape{0xffff'ffff, 0xffff'ffff, 0xffff'ffff}, scan_shape{1, 1, 0},
                                 scan_shape{65536, 65536, 1}}) {
    source_options options;
    options.scan = wrong;
    expect_error<invalid_argument>({npy}, options, {"makes no sense"});
  }
}

TEST_F(opening, names_of_formats) {
  for (const char* name : {"v1", "v2", "v3", "v4", "v5", "raw", "npy", "mrc", "hdf5"})
    EXPECT_EQ(to_string(input_format_from(name)), name);
  EXPECT_THROW((void)input_format_from("v6"), invalid_argument);
}

}  // namespace
}  // namespace countem::testing_io
