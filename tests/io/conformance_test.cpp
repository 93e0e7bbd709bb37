#include <sys/resource.h>

#include <atomic>
#include <set>
#include <thread>

#include "io/files/mapped_range.hpp"
#include "tests/io/source_samples.hpp"

// What every source does alike, whatever its format: each sample of source_samples.cpp runs all of it.
namespace countem::testing_io {
namespace {

constexpr scan_shape known{2, 3, 1};

/// A frame as it was seen, to be compared after its pixels are gone.
struct seen_frame {
  std::uint8_t present = 0;
  bool truncated = false;
  std::vector<std::uint16_t> pixels;
  friend bool operator==(const seen_frame&, const seen_frame&) = default;
};

seen_frame copy_of(const frame_view& frame) {
  return {frame.present, frame.truncated, numbers_of(frame)};
}

std::set<std::string> kinds(const source_info& info) {
  std::set<std::string> all;
  for (const source_issue& issue : info.issues) all.insert(issue.kind);
  return all;
}

std::string name_of(const fs::path& path) {
  return path.filename().string();
}

/// While it lives, memory of the process grows by 512 MiB at most.
class little_memory {
 public:
  little_memory() {
    ::getrlimit(RLIMIT_AS, &before_);
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const struct rlimit now {
      pages* static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + (std::uint64_t{512} << 20), before_.rlim_max
    };
    ::setrlimit(RLIMIT_AS, &now);
  }
  little_memory(const little_memory&) = delete;
  little_memory& operator=(const little_memory&) = delete;
  ~little_memory() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  struct rlimit before_ {};
};

class conforming_source : public ::testing::TestWithParam<source_sample> {
 protected:
  [[nodiscard]] const source_sample& sample() const { return GetParam(); }
  [[nodiscard]] fs::path folder() const { return scratch.path() / "scan"; }
  [[nodiscard]] std::vector<fs::path> write(const scan_shape& scan = known) const { return sample().write(folder(), scan); }
  [[nodiscard]] std::unique_ptr<frame_source> open(const scan_shape& scan = known) const {
    return open_source(write(scan), sample().options());
  }
  [[nodiscard]] source_options with_scan(const scan_shape& scan) const {
    source_options options = sample().options();
    options.scan = scan;
    return options;
  }
  /// Expects frames [0, count) to be whole.
  void expect_whole(const frame_source& source, std::uint64_t count) const {
    frame_batch batch;
    source.read(0, count, batch);
    for (std::uint64_t frame = 0; frame < count; ++frame) {
      EXPECT_EQ(batch.frames[frame].present, all_sectors) << "frame " << frame;
      EXPECT_FALSE(batch.frames[frame].truncated) << "frame " << frame;
      EXPECT_TRUE(numbers_of(batch.frames[frame]) == pattern_in(sample().type, frame, sample().shape)) << "frame " << frame;
    }
  }

  temporary_directory scratch;
};

INSTANTIATE_TEST_SUITE_P(formats, conforming_source, ::testing::ValuesIn(source_samples()),
                         [](const auto& sample) { return sample.param.name; });

TEST(conformance, every_format_has_a_sample) {
  for (const input_format_facts& facts : input_formats()) {
    const auto& all = source_samples();
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& sample) { return sample.format == facts.format; }))
        << to_string(facts.format) << " is not in source_samples.cpp";
  }
}

TEST_P(conforming_source, gives_back_what_was_written) {
  const std::vector<fs::path> files = write();
  const auto source = open_source(files, sample().options());
  const source_info& info = source->info();
  EXPECT_EQ(info.format, sample().format);
  EXPECT_EQ(info.shape, sample().shape);
  EXPECT_EQ(info.type, sample().type);
  EXPECT_EQ(info.scan, sample().knows_scan ? known : (scan_shape{1, 6, 1}));
  EXPECT_EQ(info.missing_frames, 0U);
  EXPECT_EQ(kinds(info), std::set<std::string>(sample().issues.begin(), sample().issues.end()));
  ASSERT_EQ(info.files.size(), files.size());
  for (std::size_t file = 0; file < files.size(); ++file) {
    EXPECT_EQ(info.files[file].path, files[file]);
    EXPECT_EQ(info.files[file].bytes, fs::file_size(files[file]));
  }
  expect_pattern(*source);
  expect_pattern(*source, 1);
  expect_pattern(*source, 6);
}

TEST_P(conforming_source, hidden_files_of_its_folder_are_no_frames) {
  const std::vector<fs::path> files = write();
  for (const fs::path& file : files) {
    fs::copy_file(file, file.parent_path() / ("." + name_of(file)));
    std::ofstream(file.parent_path() / ("._" + name_of(file))) << "of the system";
  }
  const auto source = open_source({files.front().parent_path()}, sample().options());
  EXPECT_EQ(source->info().files.size(), files.size());
  EXPECT_EQ(kinds(source->info()), std::set<std::string>(sample().issues.begin(), sample().issues.end()));
  expect_pattern(*source);
}

TEST_P(conforming_source, several_frames_at_each_position) {
  const scan_shape repeats{2, 1, 3};
  const auto source = open_source(write(repeats), with_scan(repeats));
  EXPECT_EQ(source->info().scan, repeats);
  EXPECT_EQ(source->info().missing_frames, 0U);
  expect_pattern(*source);
}

TEST_P(conforming_source, frames_in_any_order_and_any_ranges) {
  const auto source = open();
  frame_batch batch;
  for (const std::uint64_t frame : {5U, 0U, 3U, 3U, 1U, 4U, 2U}) {
    source->read(frame, 1, batch);
    EXPECT_EQ(batch.first_frame, frame);
    EXPECT_TRUE(numbers_of(batch.frames.at(0)) == pattern_in(sample().type, frame, sample().shape)) << "frame " << frame;
  }
  for (std::uint64_t first = 0; first <= 6; ++first) {
    for (std::size_t count = 0; first + count <= 6; ++count) {
      source->read(first, count, batch);
      ASSERT_EQ(batch.frames.size(), count);
      if (count == 0) continue;
      EXPECT_TRUE(numbers_of(batch.frames.back()) == pattern_in(sample().type, first + count - 1, sample().shape));
    }
  }
}

TEST_P(conforming_source, ranges_outside_the_scan_are_refused) {
  const auto source = open();
  frame_batch batch;
  const auto ignore = [](std::uint64_t, std::span<const frame_view>) {};
  for (const auto& [first, count] :
       std::vector<std::pair<std::uint64_t, std::size_t>>{{5, 2}, {7, 0}, {~std::uint64_t{0}, 2}}) {
    EXPECT_THROW(source->read(first, count, batch), invalid_argument) << first;
    if (count == 0) continue;
    EXPECT_THROW(source->visit(first, count, 1, batch, ignore), invalid_argument) << first;
  }
}

TEST_P(conforming_source, several_threads_at_once) {
  const auto source = open();
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      frame_batch batch;
      for (std::uint64_t round = 0; round < 6; ++round) {
        const std::uint64_t frame = (thread + round) % 6;
        source->read(frame, 1, batch);
        if (numbers_of(batch.frames[0]) != pattern_in(sample().type, frame, sample().shape)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(conforming_source, frames_in_place_are_those_that_are_read) {
  source_options options = sample().options();
  const std::vector<fs::path> files = write();
  const bool cached = io::is_cached(io::file_handle::open_read(files.front()), 0, 1);
  for (const bool in_place : {false, true}) {
    options.in_place = in_place;
    const auto source = open_source(files, options);
    std::vector<seen_frame> seen;
    std::size_t most_at_once = 0;
    frame_batch batch;
    source->visit(0, 6, 2, batch, [&](std::uint64_t first, std::span<const frame_view> shown) {
      EXPECT_EQ(first, seen.size());
      most_at_once = std::max(most_at_once, shown.size());
      for (const frame_view& frame : shown) seen.push_back(copy_of(frame));
    });
    std::vector<seen_frame> read;
    source->read(0, 6, batch);
    for (const frame_view& frame : batch.frames) read.push_back(copy_of(frame));
    EXPECT_EQ(seen, read);
    // A file system that does not report what is in the page cache has everything copied.
    EXPECT_EQ(most_at_once, in_place && cached && sample().shown_in_place ? 6U : 2U);
  }
}

TEST_P(conforming_source, frames_lie_along_a_path) {
  // 1 frame skipped, lines of 3 with 1 frame of flyback, every second line backwards: 0 | 1 2 3 | 4 | 5 6 7 | 8 | 9.
  constexpr std::uint64_t gone = 99;
  const std::vector<std::uint64_t> expected{1, 2, 3, 7, 6, 5, 9, gone, gone};
  const std::vector<fs::path> files = write({2, 5, 1});
  for (const bool in_place : {false, true}) {
    source_options options = with_scan({3, 3, 1});
    options.path = {1, 1, true};
    options.in_place = in_place;
    const auto source = open_source(files, options);
    EXPECT_EQ(source->info().scan, (scan_shape{3, 3, 1}));
    EXPECT_EQ(source->info().path, options.path);
    EXPECT_EQ(source->info().missing_frames, 2U);
    expect_issue(source->info(), "missing_frame", 2, {"holds 10 whole frames", "2 of its 9 frames are missing"});
    std::vector<seen_frame> wanted;
    for (const std::uint64_t frame : expected) {
      const seen_frame there{all_sectors, false, pattern_in(sample().type, frame, sample().shape)};
      wanted.push_back(frame == gone ? seen_frame{0, false, std::vector<std::uint16_t>(sample().shape.pixels())} : there);
    }
    frame_batch batch;
    for (std::size_t most : {1U, 2U, 4U, 9U}) {
      std::vector<seen_frame> read;
      for (std::size_t first = 0; first < 9; first += most) {
        source->read(first, std::min<std::size_t>(most, 9 - first), batch);
        for (const frame_view& frame : batch.frames) read.push_back(copy_of(frame));
      }
      EXPECT_TRUE(read == wanted) << most;
      std::vector<seen_frame> shown;
      source->visit(0, 9, most, batch, [&](std::uint64_t first, std::span<const frame_view> frames) {
        EXPECT_EQ(first, shown.size());
        for (const frame_view& frame : frames) shown.push_back(copy_of(frame));
      });
      EXPECT_TRUE(shown == wanted) << most;
    }
    for (std::uint64_t frame = 0; frame < 9; ++frame)
      EXPECT_EQ(source->arrival(frame), expected[frame] == gone ? frame_arrival::nothing : frame_arrival::whole) << frame;
  }
}

TEST_P(conforming_source, a_visit_that_is_broken_off_leaves_the_source_usable) {
  source_options options = sample().options();
  const std::vector<fs::path> files = write();
  for (const bool in_place : {false, true}) {
    options.in_place = in_place;
    const auto source = open_source(files, options);
    frame_batch batch;
    int calls = 0;
    const auto stop = [&](std::uint64_t, std::span<const frame_view>) {
      ++calls;
      throw interrupted("stop");
    };
    EXPECT_THROW(source->visit(1, 4, 2, batch, stop), interrupted);
    EXPECT_EQ(calls, 1);
    expect_pattern(*source);
  }
}

TEST_P(conforming_source, a_file_that_lost_its_end_keeps_its_complete_frames) {
  const std::vector<fs::path> files = write();
  fs::resize_file(files.front(), fs::file_size(files.front()) - 1);
  if (!sample().opens_when_cut) {
    expect_error<format_error>(files, with_scan(known), {name_of(files.front()), "was cut"});
    return;
  }
  const auto source = open_source(files, with_scan(known));
  expect_issue(source->info(), "truncated_record", 1, {name_of(files.front()), "5", "cut short", "(byte "});
  expect_whole(*source, 5);
  frame_batch batch;
  source->read(5, 1, batch);
  EXPECT_TRUE(batch.frames[0].truncated);
  EXPECT_NE(batch.frames[0].present, all_sectors);
}

TEST_P(conforming_source, a_file_that_shrinks_later_ends_in_a_sentence) {
  const std::vector<fs::path> files = write();
  const auto source = open_source(files, sample().options());
  fs::resize_file(files.front(), fs::file_size(files.front()) / 2);
  frame_batch batch;
  // What HDF5 does not find in a file it takes for zeros, which are no chunk.
  const auto read_beyond = [&] { source->read(5, 1, batch); };
  const bool by_hdf5 = sample().name == "hdf5_chunked";
  by_hdf5 ? expect_error<format_error>(read_beyond, {name_of(files.front())})
          : expect_error<io_error>(read_beyond, {name_of(files.front())});
}

TEST_P(conforming_source, missing_and_empty_files) {
  std::vector<fs::path> files = write();
  fs::resize_file(files.front(), 0);
  expect_error<format_error>(files, sample().options(), {name_of(files.front()), "is empty"});
  fs::remove(files.front());
  expect_error<io_error>(files, sample().options(), {name_of(files.front()), "No such file"});
}

TEST_P(conforming_source, contents_of_another_kind_are_refused) {
  const std::vector<fs::path> files = write();
  if (facts_of(sample().format).needs_layout) {
    // Any bytes will do; what is wrong is that nothing describes them.
    expect_error<invalid_argument>(files, as(sample().format), {name_of(files.front()), "description"},
                                   advised(advice_kind::raw_layout));
    return;
  }
  if (!sample().describes_itself) GTEST_SKIP() << "any bytes are pixels of this format";
  std::vector<char> noise(3 * 165904);
  std::uint32_t state = 1;
  for (char& byte : noise) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  save(files.front(), noise);
  expect_error<format_error>({files.front()}, sample().options(), {name_of(files.front())});
}

TEST_P(conforming_source, absurd_sizes_are_refused_in_little_memory) {
  source_options options = sample().options();
  fs::path file;
  if (sample().write_absurd) {
    file = sample().write_absurd(folder());
  } else {
    file = write().front();  // no header: the caller's description is absurd instead
    options.scan = scan_shape{1, 1U << 28, 1};
    if (options.raw) options.raw->shape = {0xffff'ffff, 0xffff'ffff};
  }
  const little_memory limit;
  if (sample().write_absurd || options.raw) {
    expect_error<format_error>({file}, options, {name_of(file)});
  } else {
    EXPECT_EQ(open_source({file}, options)->info().missing_frames, (1U << 28) - 6U);
  }
}

TEST_P(conforming_source, one_file_given_twice_is_read_once) {
  std::vector<fs::path> files = write();
  const std::size_t count = files.size();
  files.push_back(files.front().parent_path() / "." / files.front().filename());
  const fs::path link = scratch / ("link_" + name_of(files.front()));
  fs::create_hard_link(files.front(), link);
  files.push_back(link);
  const fs::path soft = scratch / ("soft_" + name_of(files.front()));
  fs::create_symlink(files.front(), soft);
  files.push_back(soft);
  const auto source = open_source(files, sample().options());
  expect_issue(source->info(), "file_given_twice", 1, {name_of(files.front()), "more than once"});
  EXPECT_EQ(source->info().files.size(), count);
  expect_pattern(*source);
}

TEST_P(conforming_source, a_directory_stands_for_its_files) {
  (void)write();
  save(folder() / "notes.txt", {'x'});
  expect_pattern(*open_source({folder()}, sample().options()));
}

TEST_P(conforming_source, the_format_is_found_out) {
  const std::vector<fs::path> files = write();
  source_options options = sample().options();
  options.format.reset();
  if (sample().found_out || options.raw) {
    const auto source = open_source(files, options);
    EXPECT_EQ(source->info().format, sample().format);
    expect_pattern(*source);
  }
  if (!sample().found_out) {
    // Never as this format without a word.
    options.raw.reset();
    try {
      EXPECT_NE(open_source(files, options)->info().format, sample().format);
    } catch (const format_error& problem) {
      EXPECT_THAT(problem.what(), ::testing::HasSubstr(name_of(files.front())));
    }
  }
}

TEST_P(conforming_source, a_scan_of_the_caller_that_is_too_large_or_too_small) {
  const std::vector<fs::path> files = write();
  const auto large = open_source(files, with_scan({3, 3, 1}));
  EXPECT_EQ(large->info().scan, (scan_shape{3, 3, 1}));
  EXPECT_EQ(large->info().missing_frames, 3U);
  EXPECT_NE(find_issue(large->info(), "missing_frame"), nullptr);
  expect_whole(*large, 6);
  frame_batch batch;
  large->read(6, 3, batch);
  for (const frame_view& frame : batch.frames) EXPECT_EQ(frame.present, 0);

  const auto little = open_source(files, with_scan({1, 3, 1}));
  EXPECT_EQ(little->info().scan, (scan_shape{1, 3, 1}));
  const std::set<std::string> found = kinds(little->info());
  EXPECT_EQ(found.count("more_frames_than_scan") + found.count("position_outside_scan"), 1U);
  expect_whole(*little, 3);
}

}  // namespace
}  // namespace countem::testing_io
