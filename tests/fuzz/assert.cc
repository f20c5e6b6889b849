// SPDX-License-Identifier: BSD-2-Clause
#include "target.h"

#include <drupe/base/assert.h>

namespace drupe {
void assert_failed(const char* expression, const char*, int) { fuzz_failed(expression); }
void panic(std::string_view message) { fuzz_failed(message.data()); }
} // namespace drupe
