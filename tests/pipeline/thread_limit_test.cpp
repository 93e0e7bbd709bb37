#include <countem/threads.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

/// The files in which the kernel shows control groups.
struct cpu_quota_of : testing::Test {
  test::temporary_directory root;

  void put(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  [[nodiscard]] std::optional<unsigned> quota() const { return cpu_quota((root / "").parent_path().string()); }
};

TEST_F(cpu_quota_of, no_control_groups) {
  EXPECT_EQ(quota(), std::nullopt);
  put("proc/self/cgroup", "0::/job\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(cpu_quota_of, version_2) {
  put("proc/self/cgroup", "0::/batch/job\n");
  put("sys/fs/cgroup/batch/job/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  put("sys/fs/cgroup/batch/cpu.max", "350000 100000\n");  // that of a group above holds as well
  EXPECT_EQ(quota(), 4U);
  put("sys/fs/cgroup/batch/job/cpu.max", "100000 100000\n");
  EXPECT_EQ(quota(), 1U);
  put("sys/fs/cgroup/batch/job/cpu.max", "20000 100000\n");  // part of a processor
  EXPECT_EQ(quota(), 1U);
}

TEST_F(cpu_quota_of, a_container_sees_its_own_group_as_the_root) {
  put("proc/self/cgroup", "0::/a/path/of/the/host\n");
  put("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2U);
}

TEST_F(cpu_quota_of, version_1) {
  put("proc/self/cgroup", "5:memory:/job\n4:cpu,cpuacct:/job\n0::/\n");
  put("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  put("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(quota(), 3U);
  put("sys/fs/cgroup/memory/job/cpu.max", "100000 100000\n");  // of no account
  EXPECT_EQ(quota(), 3U);
}

TEST_F(cpu_quota_of, words_that_are_none) {
  put("proc/self/cgroup", "nonsense\n0::/\n");
  for (const char* words : {"", "max\n", "100000\n", "x 100000\n", "0 100000\n", "100000 0\n", "-5 100000\n"}) {
    put("sys/fs/cgroup/cpu.max", words);
    EXPECT_EQ(quota(), std::nullopt) << words;
  }
}

TEST(thread_limit, is_no_more_than_the_process_may_use) {
  const unsigned before = usable_threads();
  {
    const thread_limit limit;
    EXPECT_GE(usable_threads(), 1U);
    EXPECT_LE(usable_threads(), std::min(before, cpu_quota().value_or(before)));
  }
  EXPECT_EQ(usable_threads(), before);
}

}  // namespace
}  // namespace countem
