// How the program ends for each kind of exception.
#include <gtest/gtest.h>

#include <filesystem>
#include <ios>
#include <new>
#include <stdexcept>
#include <system_error>

#include <countem/error.hpp>

#include "host/cli/failure.hpp"
#include "host/cli/nearest.hpp"

namespace countem::cli {
namespace {

template <class Thrown>
failure end_of(const Thrown& thrown) {
  return explain(std::make_exception_ptr(thrown), "countem count x -o y");
}

TEST(failure, OurErrorsHaveTheirCodes) {
  EXPECT_EQ(end_of(invalid_argument("x")).code, usage);
  EXPECT_EQ(end_of(format_error("x")).code, bad_input);
  EXPECT_EQ(end_of(io_error("x")).code, io_failure);
  EXPECT_EQ(end_of(not_compiled("x")).code, no_backend);
  EXPECT_EQ(end_of(cuda_error("x")).code, no_backend);
  EXPECT_EQ(end_of(interrupted("x")).code, user_interrupt);
  EXPECT_EQ(end_of(io_error("disk full")).text, "countem: disk full\n");
}

TEST(failure, WhatTheSystemRefusesIsAnIoFailure) {
  EXPECT_EQ(end_of(std::bad_alloc()).code, io_failure);
  EXPECT_NE(end_of(std::bad_alloc()).text.find("not enough memory"), std::string::npos);
  EXPECT_EQ(end_of(std::filesystem::filesystem_error("x", std::make_error_code(std::errc::no_space_on_device))).code,
            io_failure);
  EXPECT_EQ(end_of(std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again))).code, io_failure);
}

TEST(failure, ASurpriseIsABugReport) {
  for (const failure& ended :
       {end_of(std::logic_error("vector::at")), end_of(error("not equal to the reference")), end_of(7)}) {
    EXPECT_EQ(ended.code, surprise);
    EXPECT_EQ(ended.text.find("countem: internal error: "), 0U);
    EXPECT_NE(ended.text.find("countem version"), std::string::npos);
    EXPECT_NE(ended.text.find("\n  countem count x -o y\n"), std::string::npos);
  }
  EXPECT_NE(end_of(std::logic_error("vector::at")).text.find("vector::at"), std::string::npos);
}

TEST(failure, AThreadThatCannotBeHadIsNoBug) {
  const failure ended = end_of(std::runtime_error("pthread_create has failed: Resource temporarily unavailable"));
  EXPECT_EQ(ended.code, io_failure);
  EXPECT_NE(ended.text.find("--threads"), std::string::npos);
}

TEST(nearest, EditsAreCounted) {
  EXPECT_EQ(edit_distance("count", "count"), 0U);
  EXPECT_EQ(edit_distance("Count", "count"), 0U);
  EXPECT_EQ(edit_distance("cuont", "count"), 1U);
  EXPECT_EQ(edit_distance("coun", "count"), 1U);
  EXPECT_EQ(edit_distance("countt", "count"), 1U);
  EXPECT_EQ(edit_distance("cownt", "count"), 1U);
  EXPECT_EQ(edit_distance("", "count"), 5U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(nearest, OnlyWhatIsNearIsMeant) {
  const std::vector<std::string> words{"count", "recover", "reduce", "report"};
  EXPECT_EQ(nearest("cuont", words), "count");
  EXPECT_EQ(nearest("rep", words), "report");
  EXPECT_EQ(nearest("re", words), "") << "three begin so";
  EXPECT_EQ(nearest("xyzzy", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(65, 'c'), words), "");
}

}  // namespace
}  // namespace countem::cli
