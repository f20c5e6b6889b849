// SPDX-License-Identifier: BSD-2-Clause
// What an image may run instead of a program, when `drupe.autorun=WORD` is on the command line: the
// self-tests. The linker collects it; the ordinary image has none.
#pragma once

#include <string_view>

namespace drupe::image {

/// Called once in the first thread, memory and scheduler running and the kernel sealed, no file
/// system there; returns the machine's exit status.
using Autorun = int (*)(std::string_view word);

} // namespace drupe::image

#define DRUPE_AUTORUN(function)                                                                    \
    [[gnu::used,                                                                                   \
      gnu::section(                                                                                \
          "drupe_autorun")]] constinit const ::drupe::image::Autorun drupe_autorun_entry =         \
        function
