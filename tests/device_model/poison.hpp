#pragma once

/// AddressSanitizer's marks on memory; nothing in other builds.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define __asan_poison_memory_region(address, size) static_cast<void>(0)
#define __asan_unpoison_memory_region(address, size) static_cast<void>(0)
#endif
