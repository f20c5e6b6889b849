// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace drupe::image {

/// Body of the kernel's first thread: files, devices, then the program. Ends the machine with a
/// sentence when there is no way to a program.
void start_program(void*);

} // namespace drupe::image
