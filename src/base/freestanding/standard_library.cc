// SPDX-License-Identifier: BSD-2-Clause
// What the standard library's headers leave to its archive, which the kernel is not linked with:
// the report of a broken precondition (string_view::substr past the end). Never the outcome of
// input: callers check first.
#include <drupe/base/assert.h>

#include <new>
#include <string_view>

namespace std {

extern const nothrow_t nothrow;
const nothrow_t nothrow{};

void __throw_out_of_range_fmt(const char* format, ...) {
    drupe::assert_failed(format, "standard library", 0);
}

} // namespace std
