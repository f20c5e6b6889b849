// SPDX-License-Identifier: BSD-2-Clause
// The one translation unit that compiles Catch2's runner, and the test build's answer to a failed
// assertion: it throws, so that a test can demand that something asserts.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include <drupe/base/assert.h>

#include <stdexcept>

namespace drupe {
void assert_failed(const char* expression, const char* file, int line) {
    throw std::logic_error(std::string("assertion failed: ") + expression + " at " + file + ":" +
                           std::to_string(line));
}
void panic(std::string_view message) { throw std::logic_error("panic: " + std::string(message)); }
} // namespace drupe
