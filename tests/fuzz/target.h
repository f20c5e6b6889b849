// SPDX-License-Identifier: BSD-2-Clause
// What a fuzz target provides, and how it says that a promise was broken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes);
/// Sound inputs that reach far, as starting points.
std::vector<std::vector<std::uint8_t>> fuzz_corpus();

[[noreturn]] void fuzz_failed(const char* what);
#define FUZZ_CHECK(expression)                                                                     \
    ((expression) ? static_cast<void>(0) : fuzz_failed("broken promise: " #expression))
