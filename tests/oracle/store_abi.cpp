// The event store's writer and reader behind a C interface, so that stores of events that no scan would give can be checked
// too. For tests only; abi.py holds the other side.
#include <cstdint>
#include <exception>
#include <memory>

#include <countem/event_store.hpp>

#include "tests/oracle/outcome.hpp"

namespace {

using namespace countem;
using countem::oracle::outcome;

struct store_abi {
  std::uint32_t height;
  std::uint32_t width;
  std::uint32_t scan_height;
  std::uint32_t scan_width;
  std::uint32_t frames_per_position;
  std::uint32_t upsample;
  std::uint8_t values;
  std::uint8_t wide_counts;
  std::uint8_t fast_sparse;
};

struct events_abi {
  const std::uint64_t* indptr;
  const std::uint32_t* indices;
  const std::uint32_t* values;  ///< null where none are kept
  const std::uint32_t* xrays;
  const std::uint8_t* status;
};

event_batch batch_from(const events_abi& given, std::uint64_t frames) {
  event_batch batch;
  batch.indptr.assign(given.indptr, given.indptr + frames + 1);
  batch.indices.assign(given.indices, given.indices + batch.indptr.back());
  if (given.values != nullptr) batch.values.assign(given.values, given.values + batch.indptr.back());
  batch.xrays.assign(given.xrays, given.xrays + frames);
  batch.status.assign(given.status, given.status + frames);
  return batch;
}

void write_store(const char* path, const store_abi& given, const events_abi& events) {
  store_description description;
  description.shape = {given.height, given.width};
  description.scan = {given.scan_height, given.scan_width, given.frames_per_position};
  description.options.upsample = given.upsample;
  description.options.values = static_cast<event_value>(given.values);
  store_options options;
  options.wide_counts = given.wide_counts != 0;
  options.fast_sparse = given.fast_sparse != 0;
  const auto writer = create_event_store(path, description, options);
  const event_batch batch = batch_from(events, description.scan.frames());
  writer->observe(batch);
  writer->write(*writer->encode(batch));
  writer->finish();
}

}  // namespace

extern "C" {

outcome* countem_test_write_store(const char* path, const store_abi* given, const events_abi* events) {
  return oracle::attempt([&](event_batch&) { write_store(path, *given, *events); });
}

outcome* countem_test_read_store(const char* path) {
  return oracle::attempt([&](event_batch& batch) {
    const auto store = open_event_store(path);
    store->read(0, store->frames(), batch);
  });
}

}  // extern "C"
