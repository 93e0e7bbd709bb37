// What is HDF5's own when it meets a damaged file, and not ours to mend.

/// It asks malloc for whatever the file claims, and copes with the refusal.
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}

/// It leaks; try_source and try_import check that nothing of ours stays open.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libhdf5";
}
