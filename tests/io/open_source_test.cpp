#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "io/files/file.hpp"

#include "tests/io/source_fixture.hpp"

// How inputs are found and recognised, and what is refused before any format is tried.
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
  expect_error<format_error>({scratch / "folder"}, as(input_format("npy")), {"folder", "without npy files"});
  save(scratch / "folder" / "._scan.npy", {0, 5, 22, 7});
  expect_error<format_error>({scratch / "folder"}, {}, {"folder", "directory", "begin with a dot"});
}

TEST_F(opening, a_pipe_does_not_hang) {
  ASSERT_EQ(::mkfifo((scratch / "pipe_module0.data").c_str(), 0600), 0);
  expect_error<format_error>({scratch / "pipe_module0.data"}, {}, {"pipe_module0.data", "neither a file nor a directory"});
}

TEST_F(opening, format_from_magic_even_under_another_name) {
  const fs::path npy = make(input_format("npy"));
  fs::rename(npy, scratch / "frames.dat");
  const auto source = open_source({scratch / "frames.dat"}, {});
  EXPECT_EQ(source->info().format, input_format("npy"));
  expect_pattern(*source);
}

TEST_F(opening, format_that_cannot_be_told) {
  save(scratch / "frames.xyz", std::vector<char>(100, '\1'));
  expect_error<format_error>({scratch / "frames.xyz"}, {}, {"frames.xyz", "cannot be told"},
                             advised(advice_kind::input_format));
}

TEST_F(opening, one_file_where_the_format_is_one_file) {
  const fs::path npy = make(input_format("npy"));
  fs::copy_file(npy, scratch / "other.npy");
  expect_error<invalid_argument>({npy, scratch / "other.npy"}, {}, {"2 npy files"});
}

TEST_F(opening, absurd_scans_of_the_caller) {
  const fs::path npy = make(input_format("npy"));
  for (const scan_shape wrong : {scan_shape{0, 3, 1}, scan_shape{0xffff'ffff, 0xffff'ffff, 0xffff'ffff}, scan_shape{0, 1, 0},
                                 scan_shape{65536, 65536, 0}}) {
    source_options options;
    options.scan = wrong;
    expect_error<invalid_argument>({npy}, options, {"makes no sense"});
  }
}

// A path that leads to an open file which has no name any more.
std::string path_of(const io::file_handle& file) {
  return "/proc/self/fd/" + std::to_string(file.descriptor());
}

TEST_F(opening, files_are_told_apart_by_device_and_inode) {
  scan = {.format = io::camera::v3, .scan = {2, 3, 1}, .files_per_module = 2};
  std::vector<io::file_handle> open_files;
  std::vector<fs::path> paths;
  for (const fs::path& path : write_pattern(scratch.path(), scan)) {
    open_files.push_back(io::file_handle::open_read(path));
    paths.push_back(path_of(open_files.back()));
    fs::remove(path);
  }
  ASSERT_EQ(paths.size(), 2U);
  const auto source = open_source(paths, as(io::camera::v3));
  EXPECT_EQ(find_issue(source->info(), "file_given_twice"), nullptr) << "neither path has a canonical form";
  EXPECT_EQ(source->info().missing_frames, 0U);
  expect_pattern(*source);
}

TEST_F(opening, contents_say_more_than_the_name) {
  const fs::path npy = make(input_format("npy"));
  fs::rename(npy, scratch / "x_module0.data");
  EXPECT_EQ(open_source({scratch / "x_module0.data"}, {})->info().format, input_format("npy"));
}

TEST_F(opening, a_layout_of_flat_frames_is_not_used_for_files_that_describe_themselves) {
  source_options layout;
  layout.raw = raw_layout{{1, 1}, pixel_type::u8};
  const std::vector<advice> flat_all_the_same{{advice_kind::input_format, "raw"}};
  for (const char* name : {"npy", "hdf5"}) {
    const fs::path file = make(input_format(name));
    const std::string words = "is a file of format " + std::string(name);
    expect_error<format_error>({file}, layout, {file.filename().string(), words, "layout of flat frames"}, flat_all_the_same);
    source_options stated = layout;
    stated.format = input_format("raw");
    EXPECT_EQ(open_source({file}, stated)->info().scan.frames(), fs::file_size(file)) << name;
    fs::remove(file);
  }
  save(scratch / "picture.raw", {'\x89', 'P', 'N', 'G', '\r', '\n', '\x1a', '\n'});
  expect_error<format_error>({scratch / "picture.raw"}, layout, {"picture.raw", "is a PNG picture"}, flat_all_the_same);
}

TEST_F(opening, hdf5_behind_a_block_of_another_program) {
  const fs::path file = make(input_format("hdf5"));
  std::ifstream stored(file, std::ios::binary);
  const std::vector<char> hdf5{std::istreambuf_iterator<char>(stored), {}};
  for (const std::size_t block : {512U, 1024U, 4096U}) {
    std::vector<char> bytes(block, ' ');
    bytes.insert(bytes.end(), hdf5.begin(), hdf5.end());
    const fs::path matlab = scratch / "frames.mat";
    save(matlab, bytes);
    const auto source = open_source({matlab}, {});
    EXPECT_EQ(source->info().format, input_format("hdf5"));
    expect_pattern(*source);
  }
  const std::string before_hdf5 = "MATLAB 5.0 MAT-file, Platform: GLNXA64" + std::string(128, ' ');
  save(scratch / "old.mat", {before_hdf5.begin(), before_hdf5.end()});
  expect_error<format_error>({scratch / "old.mat"}, {}, {"old.mat", "before 7.3", "save it with -v7.3"});
}

TEST_F(opening, a_directory_of_camera_files_among_others) {
  scan = {.format = io::camera::v5, .scan = {1, 2, 1}};
  write_pattern(scratch.path(), scan);
  write_pattern(scratch.path(), {.format = input_format("npy"), .frame = {8, 10}, .scan = {2, 3, 1}});
  EXPECT_EQ(open_source({scratch.path()}, {})->info().format, io::camera::v5);
  EXPECT_EQ(open_source({scratch.path()}, as(input_format("npy")))->info().shape, (frame_shape{8, 10}));
}

TEST_F(opening, a_format_that_nobody_knows) {
  const fs::path npy = make(input_format("npy"));
  expect_error<invalid_argument>({npy}, as(input_format("tiff")), {"'tiff' is not known", "v5", "hdf5"});
  EXPECT_THROW((void)input_format("a name of many letters"), invalid_argument);
}

TEST_F(opening, names_of_formats) {
  for (const char* name :
       {"v1", "v2", "v3", "v4", "v5", "raw", "npy", "mrc", "hdf5", "mib", "empad", "dm", "tvips", "blo", "ser", "seq"}) {
    EXPECT_EQ(to_string(input_format_from(name)), name);
    EXPECT_EQ(facts_of(input_format(name)).format, input_format(name));
    const bool in_files = name[0] == 'v' || std::string_view("raw mib tvips").find(name) != std::string_view::npos;
    EXPECT_EQ(facts_of(input_format(name)).several_files, in_files) << name;
    EXPECT_FALSE(facts_of(input_format(name)).suffixes.empty()) << name;
  }
  EXPECT_TRUE(facts_of(input_format("raw")).needs_layout);
  EXPECT_TRUE(facts_of(input_format("hdf5")).has_datasets);
  EXPECT_THROW((void)input_format_from("v6"), invalid_argument);
}

}  // namespace
}  // namespace countem::testing_io
