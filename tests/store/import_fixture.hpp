#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <countem/convert.hpp>
#include <countem/error.hpp>

#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::test {

/// Files of another program made byte by byte, imported, and the store that comes out.
class imported_file : public testing::Test {
 protected:
  explicit imported_file(std::string name) : name_(std::move(name)) {}

  std::vector<source_issue> import(const std::string& bytes, const import_options& options = {}) const {
    std::ofstream(directory_ / name_, std::ios::binary) << bytes;
    output_rules soon_written_anew;
    soon_written_anew.durable = false;
    return import_events(directory_ / name_, directory_ / "store.h5", options, soon_written_anew);
  }
  std::string refusal(const std::string& bytes, const import_options& options = {}) const {
    try {
      import(bytes, options);
    } catch (const error& reason) {
      return reason.what();
    }
    return "was imported";
  }
  [[nodiscard]] event_batch events() const { return read_all(directory_ / "store.h5"); }
  [[nodiscard]] store_description description() const { return open_event_store(directory_ / "store.h5")->description(); }

  temporary_directory directory_;

 private:
  std::string name_;
};

}  // namespace countem::test
