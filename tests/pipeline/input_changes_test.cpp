// Input files that change while they are read are named, in the result and in the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>

#include <countem/event_store.hpp>
#include <countem/input_file.hpp>
#include <countem/pipeline.hpp>
#include <countem/provenance.hpp>

#include "tests/pipeline/memory_pipeline.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr frame_shape shape{16, 16};
constexpr std::size_t frames = 64;

class changing_input : public testing::Test {
 protected:
  changing_input() { write(0); }

  /// All frames hold this value.
  void write(char value) const { std::ofstream(path(), std::ios::binary) << std::string(frames * shape.pixels(), value); }
  [[nodiscard]] std::filesystem::path path() const { return directory_ / "frames.raw"; }

  /// Counts into a store; `change` is called once, when the first frames are counted.
  count_result count(std::function<void()> change) const {
    source_options opening;
    opening.raw = raw_layout{shape, pixel_type::u8};
    const auto source = open_source({path()}, opening);
    const counting_setup setup = test::setup_for(*source);
    const auto store =
        create_event_store(directory_ / "store.h5", describe_count(source->info(), setup, backend::cpu, "test"), {});
    pipeline_options options;
    options.threads = 1;
    options.batch_frames = 1;
    options.inspect = [&](const event_batch&) { std::exchange(change, [] {})(); };
    count_result result = count_frames(*source, setup, *store, options);
    store->finish({}, result.issues);
    return result;
  }
  [[nodiscard]] std::string stored_issues() const {
    const auto store = open_event_store(directory_ / "store.h5");
    for (const auto& [name, text] : store->description().provenance) {
      if (name == "issues") return text;
    }
    return "none";
  }

  test::temporary_directory directory_;
};

TEST_F(changing_input, that_stays_the_same_is_no_issue) {
  EXPECT_THAT(count([] {}).issues, IsEmpty());
  EXPECT_EQ(stored_issues(), "[]");
}

TEST_F(changing_input, rewritten_in_place_is_named_in_result_and_store) {
  const count_result result = count([&] {
    std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(frames * shape.pixels() / 2);
    file << std::string(shape.pixels(), 'x');
  });
  ASSERT_EQ(result.issues.size(), 1U);
  EXPECT_EQ(result.issues.front().kind, "input_changed");
  EXPECT_THAT(result.issues.front().text, AllOf(testing::StartsWith(path().string()), HasSubstr("changed while it was read"),
                                                HasSubstr("time of writing")));
  EXPECT_THAT(stored_issues(), AllOf(HasSubstr("input_changed"), HasSubstr("changed while it was read")));
}

TEST_F(changing_input, that_grows_is_named_and_counted) {
  const count_result result = count([&] { std::ofstream(path(), std::ios::binary | std::ios::app) << "more"; });
  EXPECT_EQ(result.frames, frames);
  ASSERT_EQ(result.issues.size(), 1U);
  EXPECT_THAT(result.issues.front().text, HasSubstr("size 16384 became 16388 bytes"));
}

TEST_F(changing_input, whose_times_are_put_back_is_named_all_the_same) {
  const auto time = std::filesystem::last_write_time(path());
  const count_result result = count([&] {
    write(1);
    std::filesystem::last_write_time(path(), time);
  });
  ASSERT_EQ(result.issues.size(), 1U);
  EXPECT_THAT(result.issues.front().text, HasSubstr("time of change"));
}

TEST_F(changing_input, that_is_replaced_or_removed_is_named) {
  const count_result replaced = count([&] {
    std::ofstream(directory_ / "other") << std::string(frames * shape.pixels(), 'y');
    std::filesystem::rename(directory_ / "other", path());
  });
  ASSERT_EQ(replaced.issues.size(), 1U);
  EXPECT_THAT(replaced.issues.front().text, HasSubstr("another file has its name"));
  const count_result removed = count([&] { std::filesystem::remove(path()); });
  ASSERT_EQ(removed.issues.size(), 1U);
  EXPECT_THAT(removed.issues.front().text, HasSubstr("no longer there"));
}

TEST(changed_inputs, that_cannot_be_examined_are_named_and_not_called_changed) {
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "frames.npy";
  std::ofstream(path) << "frames";
  const input_file opened[] = {input_now(path)};
  std::filesystem::remove(path);
  EXPECT_THAT(changed_inputs(opened).at(0).text, HasSubstr("it is no longer there"));
  std::filesystem::create_symlink("frames.npy", path);  // a link that leads to itself
  const std::vector<source_issue> issues = changed_inputs(opened);
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_EQ(issues[0].kind, "input_not_examined");
  EXPECT_THAT(issues[0].text, HasSubstr("whether it changed while it was read cannot be found out: Too many levels"));
}

TEST_F(changing_input, a_store_that_changes_is_named_by_what_is_made_of_it) {
  (void)count([] {});
  const auto store = open_event_store(directory_ / "store.h5");
  EXPECT_THAT(changed_inputs(store->files()), IsEmpty());
  std::ofstream(directory_ / "store.h5", std::ios::binary | std::ios::app) << "more";
  EXPECT_EQ(changed_inputs(store->files()).size(), 1U);
}

TEST(issues_text, adds_to_a_list_and_begins_one_where_there_is_none) {
  const source_issue issue[] = {{"kind", "file: \"text\"", 2}};
  const std::string one = R"([{"kind":"kind","text":"file: \"text\"","occurrences":2}])";
  EXPECT_EQ(issues_text(issue), one);
  EXPECT_EQ(issues_text({}), "[]");
  EXPECT_EQ(issues_text({}, one), one);
  EXPECT_EQ(issues_text(issue, "[]"), one);
  EXPECT_EQ(issues_text(issue, "damaged"), one);
}

}  // namespace
}  // namespace countem
