#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "tests/store/store_checks.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using test::description_of;
using test::mean_events;
using test::random_batch;
using test::read_all;
using testing::HasSubstr;
using testing::IsEmpty;

/// Runs `work(acknowledged)` in a child process; `acknowledged` is shared and counts the frames whose write calls returned.
template <class Work, class Then>
std::uint64_t in_child(Work work, Then then) {
  void* memory = ::mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* acknowledged = new (memory) std::atomic<std::uint64_t>(0);
  const pid_t child = ::fork();
  if (child == 0) {
    work(*acknowledged);
    ::_exit(0);
  }
  then(child, *acknowledged);
  ::waitpid(child, nullptr, 0);
  const std::uint64_t frames = acknowledged->load();
  ::munmap(memory, sizeof(std::atomic<std::uint64_t>));
  return frames;
}

int campaign_rounds(int short_form) {
  const char* wanted = std::getenv("COUNTEM_CAMPAIGN_ROUNDS");
  return wanted == nullptr ? short_form : std::atoi(wanted);
}

TEST(recovery, a_killed_count_loses_no_frame_and_resumes) {
  std::mt19937_64 generator(23);
  const int rounds = campaign_rounds(20);
  for (int round = 0; round < rounds; ++round) {
    const test::temporary_directory directory;
    store_description description = description_of({32, 48}, {20, 25, 1});
    if (round % 3 == 2) description.options.values = event_value::charge;
    const store_options options{round % 5 == 4, round % 2 == 1};
    const std::filesystem::path path = directory / "counted.h5";
    const std::uint64_t deadline = generator() % 500;  // the frame at which the child is killed, or a little later
    const std::uint64_t safe = in_child(
        [&](std::atomic<std::uint64_t>& acknowledged) {
          const auto writer = create_event_store(path, description, options);
          for (std::uint64_t frame = 0; frame < description.scan.frames(); ++frame) {
            test::put(*writer, random_batch(frame, 1, description, mean_events));
            acknowledged = frame + 1;
          }
          for (;;) ::pause();
        },
        [&](pid_t child, const std::atomic<std::uint64_t>& acknowledged) {
          while (acknowledged < deadline) std::this_thread::yield();
          std::this_thread::sleep_for(std::chrono::microseconds(generator() % 300));
          ::kill(child, SIGKILL);
        });
    SCOPED_TRACE(testing::Message() << "round " << round << ", killed after " << safe << " frames");
    const std::filesystem::path part = directory / "counted.h5.part";
    if (safe == 0 && !std::filesystem::exists(part)) continue;

    const std::filesystem::path fixed = directory / "fixed.h5";
    if (safe > 0) {
      const recovery_report report = recover_event_store(part, fixed, {});
      EXPECT_GE(report.frames + (safe > 3 ? 1 : 0), safe);  // frame 3 never arrived
      EXPECT_EQ(report.frames, test::expect_frames(fixed, description, mean_events, safe));
      EXPECT_THAT(report.damaged, IsEmpty());
    }
    try {
      (void)read_all(part);  // either refuses or shows only what is right
      test::expect_frames(part, description, mean_events, 0);
    } catch (const error&) {
    }
    if (safe == 0) continue;
    resumed_event_store resumed = resume_event_store(path, description, options);
    EXPECT_GE(resumed.next_frame + (safe == 4 ? 1 : 0), safe);
    test::put_rest(*resumed.writer, resumed.next_frame, description, 7, mean_events);
    resumed.writer->finish();
    test::expect_frames(path, description, mean_events, description.scan.frames());
    EXPECT_FALSE(std::filesystem::exists(part));
  }
}

TEST(recovery, a_full_disk_loses_no_acknowledged_frame) {
  std::mt19937_64 generator(29);
  const store_description description = description_of({32, 48}, {20, 25, 1});
  for (int round = 0; round < campaign_rounds(3); ++round) {
    const test::temporary_directory directory;
    const std::filesystem::path path = directory / "counted.h5";
    const rlim_t limit = 40'000 + generator() % 40'000;  // the whole store takes about 90,000 bytes
    const std::uint64_t safe = in_child(
        [&](std::atomic<std::uint64_t>& acknowledged) {
          std::signal(SIGXFSZ, SIG_IGN);
          const rlimit file_size{limit, limit};
          ::setrlimit(RLIMIT_FSIZE, &file_size);
          try {
            const auto writer = create_event_store(path, description, {});
            for (std::uint64_t frame = 0; frame < description.scan.frames(); ++frame) {
              test::put(*writer, random_batch(frame, 1, description, mean_events));
              acknowledged = frame + 1;
            }
            writer->finish();
          } catch (const io_error& reason) {
            std::ofstream(directory / "sentence") << reason.what();
          }
        },
        [](pid_t, const std::atomic<std::uint64_t>&) {});
    SCOPED_TRACE(testing::Message() << "limit " << limit << ", " << safe << " frames");
    std::string sentence;
    std::getline(std::ifstream(directory / "sentence"), sentence);
    EXPECT_THAT(sentence, HasSubstr("counted.h5.part: ")) << "the file is there under this name alone";
    ASSERT_LT(safe, description.scan.frames());
    EXPECT_FALSE(std::filesystem::exists(path));
    if (safe == 0) continue;
    recover_event_store(directory / "counted.h5.part", directory / "fixed.h5");
    test::expect_frames(directory / "fixed.h5", description, mean_events, safe);
  }
}

TEST(recovery, saves_every_whole_frame_of_a_file_cut_anywhere) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {6, 10, 1});
  const std::filesystem::path path = directory / "counted.h5";
  test::write_store(path, description, {});
  const auto bytes = std::filesystem::file_size(path);
  std::uint64_t before = 0;
  for (int part = 4; part <= 20; ++part) {
    const std::filesystem::path cut = directory / "cut.h5";
    std::filesystem::copy_file(path, cut, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(cut, bytes * static_cast<std::uintmax_t>(part) / 20);
    std::uint64_t frames = 0;
    try {
      recover_event_store(cut, directory / "fixed.h5", {});
      frames = test::expect_frames(directory / "fixed.h5", description, mean_events, 0);
    } catch (const format_error& reason) {
      EXPECT_THAT(reason.what(), HasSubstr("no trace"));  // cut inside the description
    }
    EXPECT_GE(frames, before);
    before = frames;
  }
  EXPECT_EQ(before, 59U);
}

TEST(recovery, needs_no_hdf5_metadata) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {6, 10, 1});
  const std::filesystem::path path = directory / "counted.h5";
  test::write_store(path, description, {});
  {
    std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
    out.write(std::string(512, '\0').data(), 512);  // the superblock and what follows it
  }
  EXPECT_THROW((void)open_event_store(path), format_error);
  const recovery_report report = recover_event_store(path, directory / "fixed.h5");
  EXPECT_EQ(report.frames, 59U);
  EXPECT_EQ(report.scan_frames, 60U);
  test::expect_frames(directory / "fixed.h5", description, mean_events, 60);
}

TEST(recovery, tells_damaged_frames_from_lost_ones) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {6, 10, 1});
  const std::filesystem::path path = directory / "counted.h5";
  test::write_store(path, description, {});
  std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
  std::string bytes(std::filesystem::file_size(path), '\0');
  out.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::size_t footer = 0;
  for (int seen = 0; seen < 12; ++seen)
    footer = bytes.find(
        "\x89"
        "cntem\r\n",
        footer + 1);
  out.seekp(static_cast<std::streamoff>(footer) - 10);  // the end of the 12th chunk's stream: frame 12, as frame 3 has none
  out.put(static_cast<char>(bytes[footer - 10] ^ 1));
  out.close();
  const recovery_report report = recover_event_store(path, directory / "fixed.h5");
  EXPECT_THAT(report.damaged, testing::ElementsAre(12U));
  EXPECT_EQ(report.frames, 58U);
  test::expect_frames(directory / "fixed.h5", description, mean_events, 0);
}

TEST(recovery, refuses_what_makes_no_sense) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {6, 10, 1});
  const std::filesystem::path path = directory / "counted.h5";
  test::write_store(path, description, {});
  EXPECT_THROW(recover_event_store(path, path), invalid_argument);
  EXPECT_THROW(recover_event_store(directory / "absent.h5", directory / "x.h5"), io_error);
  std::ofstream(directory / "text.h5") << std::string(100'000, 'x');
  EXPECT_THROW(recover_event_store(directory / "text.h5", directory / "x.h5"), format_error);
}

}  // namespace
}  // namespace countem
