// gtest's main for scripts/host_mutants.py: appends "name milliseconds ids..." to COUNTEM_MUTANTS_TESTS for each test that
// passed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "host_mutant.hpp"

namespace {

class recorder : public testing::EmptyTestEventListener {
 public:
  explicit recorder(const char* path) : out_(path, std::ios::app) {}

  void OnTestStart(const testing::TestInfo&) override {
    for (int id = 0; id < countem_mutants::most; ++id) countem_mutants::now.reached[id] = 0;
  }
  void OnTestEnd(const testing::TestInfo& test) override {
    if (test.result()->Skipped()) return;
    out_ << test.test_suite_name() << '.' << test.name() << ' ' << test.result()->elapsed_time() << ' '
         << (test.result()->Passed() ? "passed" : "failed");
    for (int id = 1; id < countem_mutants::most; ++id) {
      if (countem_mutants::now.reached[id] != 0) out_ << ' ' << id;
    }
    out_ << std::endl;
  }

 private:
  std::ofstream out_;
};

}  // namespace

int main(int count, char** arguments) {
  testing::InitGoogleMock(&count, arguments);
  const char* path = std::getenv("COUNTEM_MUTANTS_TESTS");
  if (path != nullptr) testing::UnitTest::GetInstance()->listeners().Append(new recorder(path));
  return RUN_ALL_TESTS();
}
