// The one way in which files are made: what it refuses, what it replaces, what stays when it fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <countem/error.hpp>
#include <countem/output.hpp>

#include "io/files/file_lock.hpp"
#include "io/files/output_file.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

namespace fs = std::filesystem;
using io::output_file;
using io::temporary_name;
using testing::AllOf;
using testing::HasSubstr;

/// Files that begin with "own" are ours.
const output_kind text_kind{"a text of ours", [](const fs::path& path) { return io::first_bytes(path, 3) == "own"; }};
const output_rules any{existing_file::replaced, {}};

std::string content(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void put(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

void write(const output_file& output, const std::string& text) {
  output.file().write_at(0, text.data(), text.size());
}

/// Writes and finishes; the sentence of the refusal, or nothing.
std::string made(const fs::path& path, const output_rules& rules, temporary_name name = temporary_name::scratch) {
  try {
    output_file output(path, text_kind, rules, name);
    write(output, "own, new");
    if (name == temporary_name::part) output.become_part();
    output.finish();
    return {};
  } catch (const error& failure) {
    return failure.what();
  }
}

std::size_t files_in(const fs::path& directory) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), {}));
}

class output : public testing::Test {
 protected:
  const test::temporary_directory directory_;
  const fs::path path_ = directory_ / "file";
};

TEST_F(output, has_its_name_only_when_it_is_finished) {
  {
    output_file file(path_, text_kind, {});
    write(file, "own");
    EXPECT_EQ(file.temporary(), directory_ / "file.countem-unfinished");
    EXPECT_FALSE(fs::exists(path_));
    file.finish();
  }
  EXPECT_EQ(content(path_), "own");
  { const output_file dropped(path_, text_kind, {}); }
  EXPECT_EQ(content(path_), "own");
  EXPECT_EQ(files_in(directory_.path()), 1U);
}

TEST_F(output, replaces_what_the_rules_allow) {
  put(path_, "thesis");
  EXPECT_THAT(made(path_, {}), AllOf(HasSubstr("is there already"), HasSubstr("a text of ours")));
  EXPECT_EQ(content(path_), "thesis");
  EXPECT_THAT(made(path_, {existing_file::kept, {}}), HasSubstr("is there already"));
  EXPECT_EQ(content(path_), "thesis");
  EXPECT_EQ(made(path_, any), "");
  EXPECT_EQ(content(path_), "own, new");
  EXPECT_EQ(made(path_, {}), "");
  EXPECT_THAT(made(path_, {existing_file::kept, {}}), HasSubstr("is there already"));
  put(path_, "");  // as mktemp leaves it
  EXPECT_EQ(made(path_, {}), "");
  EXPECT_EQ(files_in(directory_.path()), 1U);
}

TEST_F(output, looks_again_before_it_replaces) {
  output_file file(path_, text_kind, {});
  put(path_, "thesis");
  EXPECT_THROW(file.finish(), invalid_argument);
  EXPECT_EQ(content(path_), "thesis");
}

TEST_F(output, is_never_an_input_by_whatever_name) {
  put(path_, "own");
  fs::create_hard_link(path_, directory_ / "hard");
  fs::create_symlink("file", directory_ / "soft");
  fs::create_directory_symlink(".", directory_ / "here");
  for (const existing_file existing : {existing_file::replaced_if_own, existing_file::replaced}) {
    for (const char* name : {"file", "hard", "soft", "here/file", "./file"}) {
      EXPECT_THAT(made(directory_ / name, {existing, {path_}}), HasSubstr("to be read")) << name;
      EXPECT_THAT(made(path_, {existing, {directory_ / name}}), HasSubstr("to be read")) << name;
    }
  }
  EXPECT_EQ(content(path_), "own");
  put(directory_ / "x.countem-unfinished", "read");
  EXPECT_THAT(made(directory_ / "x", {existing_file::replaced, {directory_ / "x.countem-unfinished"}}),
              HasSubstr("to be read"));
  EXPECT_EQ(content(directory_ / "x.countem-unfinished"), "read");
}

TEST_F(output, of_a_killed_process_is_replaced_but_not_its_part) {
  put(directory_ / "file.countem-unfinished", "half");
  EXPECT_EQ(made(path_, {}), "");
  put(directory_ / "file.part", "frames");
  EXPECT_THAT(made(path_, {}, temporary_name::part), HasSubstr("file.part: holds the frames"));
  EXPECT_EQ(content(directory_ / "file.part"), "frames");
  EXPECT_EQ(made(path_, {}), "");  // another way of writing does not touch it
  EXPECT_EQ(content(directory_ / "file.part"), "frames");
  EXPECT_EQ(made(path_, any, temporary_name::part), "");
  EXPECT_FALSE(fs::exists(directory_ / "file.part"));
}

TEST_F(output, has_one_writer) {
  for (const temporary_name name : {temporary_name::scratch, temporary_name::part}) {
    output_file file(path_, text_kind, any, name);
    EXPECT_EQ(io::lock_of(file.temporary()), io::lock_state::taken);
    EXPECT_THAT(made(path_, any, name), HasSubstr("is being written by another process"));
    write(file, "own");
    file.finish();
    EXPECT_EQ(content(path_), "own");
  }
}

TEST_F(output, of_many_writers_at_once_one_wins) {
  constexpr int rounds = 200;
  constexpr std::size_t writers = 5;
  for (int round = 0; round < rounds; ++round) {
    fs::remove(path_);
    if (round % 2 == 0) put(directory_ / "file.countem-unfinished", "half");  // a leftover that all may want to take over
    std::atomic<std::size_t> open = 0;
    std::array<std::string, writers> sentences;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < writers; ++i) {
      threads.emplace_back([&, i] {
        ++open;
        while (open < writers) std::this_thread::yield();
        try {
          output_file file(path_, text_kind, {});
          write(file, "own " + std::to_string(i));
          ++open;
          while (open < 2 * writers) std::this_thread::yield();  // until each has tried
          file.finish();
        } catch (const error& failure) {
          sentences[i] = failure.what();
          ++open;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::size_t winners = 0;
    for (std::size_t i = 0; i < writers; ++i) {
      if (!sentences[i].empty()) {
        EXPECT_THAT(sentences[i], HasSubstr("is being written by another process"));
        continue;
      }
      ++winners;
      EXPECT_EQ(content(path_), "own " + std::to_string(i));
    }
    EXPECT_EQ(winners, 1U) << round;
    EXPECT_EQ(files_in(directory_.path()), 1U);
  }
}

TEST_F(output, that_was_taken_away_is_not_finished) {
  output_file file(path_, text_kind, {});
  write(file, "own");
  fs::remove(file.temporary());
  put(file.temporary(), "somebody else's");
  EXPECT_THROW(file.finish(), io_error);
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_EQ(content(file.temporary()), "somebody else's");
}

TEST_F(output, goes_where_links_lead) {
  fs::create_directory(directory_ / "scratch");
  fs::create_symlink("scratch/real", path_);
  EXPECT_EQ(made(path_, {}), "");
  EXPECT_TRUE(fs::is_symlink(path_));
  EXPECT_EQ(content(directory_ / "scratch" / "real"), "own, new");
  fs::create_symlink("circle", directory_ / "circle");
  EXPECT_THAT(made(directory_ / "circle", {}), HasSubstr("circle"));
}

TEST_F(output, has_the_mode_of_the_umask_or_of_what_it_replaces) {
  const mode_t before = ::umask(002);
  EXPECT_EQ(made(path_, {}), "");
  struct stat facts {};
  ::stat(path_.c_str(), &facts);
  EXPECT_EQ(facts.st_mode & 0777U, 0664U);
  ::chmod(path_.c_str(), 0640);
  EXPECT_EQ(made(path_, {}), "");
  ::stat(path_.c_str(), &facts);
  EXPECT_EQ(facts.st_mode & 0777U, 0640U);
  ::umask(before);
  if (::geteuid() != 0) GTEST_SKIP() << "the group of a file is changed by root alone";
  ASSERT_EQ(::chown(path_.c_str(), 1, 100), 0);
  EXPECT_EQ(made(path_, {}), "");
  ::stat(path_.c_str(), &facts);
  EXPECT_EQ(facts.st_gid, 100U);
  EXPECT_EQ(facts.st_mode & 0777U, 0640U);
}

TEST_F(output, needs_a_folder_and_a_regular_file) {
  EXPECT_THAT(made(directory_ / "absent" / "file", any), HasSubstr("there is no directory"));
  fs::create_directory(path_);
  EXPECT_THAT(made(path_, any), HasSubstr("is a directory"));
  EXPECT_THAT(made(directory_ / "", any), HasSubstr("name the file"));
  ASSERT_EQ(::mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(made(directory_ / "pipe", any), HasSubstr("no regular file"));
  EXPECT_THAT(made("/dev/null", any), HasSubstr("no regular file"));
}

TEST_F(output, becomes_a_part_that_replaces_the_earlier_one) {
  put(directory_ / "file.part", "frames");
  {
    output_file file(path_, text_kind, {}, temporary_name::next_part);
    write(file, "more frames");
    EXPECT_EQ(content(directory_ / "file.part"), "frames");
    file.become_part();
  }
  EXPECT_EQ(content(directory_ / "file.part"), "more frames");
  EXPECT_EQ(files_in(directory_.path()), 1U);
}

TEST_F(output, is_a_part_only_once_it_says_so) {
  {
    output_file file(path_, text_kind, {}, temporary_name::part);
    write(file, "half a description");
    EXPECT_FALSE(fs::exists(directory_ / "file.part"));
  }
  EXPECT_EQ(files_in(directory_.path()), 0U);
  {
    output_file file(path_, text_kind, {}, temporary_name::part);
    write(file, "a description");
    file.become_part();
    EXPECT_THAT(made(path_, {}, temporary_name::part), HasSubstr("is being written by another process"));
  }
  EXPECT_EQ(content(directory_ / "file.part"), "a description");
  EXPECT_THAT(made(path_, {}, temporary_name::part), HasSubstr("holds the frames of an earlier count"));
  output_file file(path_, text_kind, any, temporary_name::part);
  write(file, "another description");
  EXPECT_EQ(content(directory_ / "file.part"), "a description");
  file.become_part();
  EXPECT_EQ(content(directory_ / "file.part"), "another description");
}

TEST_F(output, a_part_that_another_process_made_meanwhile_stays) {
  output_file file(path_, text_kind, {}, temporary_name::part);
  put(directory_ / "file.part", "frames");
  EXPECT_THROW(file.become_part(), invalid_argument);
  EXPECT_EQ(content(directory_ / "file.part"), "frames");
}

}  // namespace
}  // namespace countem
