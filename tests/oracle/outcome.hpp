#pragma once

#include <exception>
#include <string>

#include <countem/counting.hpp>
#include <countem/error.hpp>

namespace countem::oracle {

/// What a call from Python gives back; exceptions do not cross the C interface.
struct outcome {
  event_batch batch;
  std::string error;         ///< empty: it worked
  bool unavailable = false;  ///< the backend is not in this build, or has no device
};

/// Runs `work` on the batch of a new outcome, which the caller frees with countem_test_free().
template <class Work>
outcome* attempt(const Work& work) {
  auto* const result = new outcome;
  try {
    work(result->batch);
  } catch (const std::exception& failure) {
    result->error = failure.what();
    result->unavailable =
        dynamic_cast<const not_compiled*>(&failure) != nullptr || dynamic_cast<const cuda_error*>(&failure) != nullptr;
  }
  return result;
}

}  // namespace countem::oracle
