// SPDX-License-Identifier: BSD-2-Clause
// The machine's devices, and which part of the kernel uses each.
#pragma once

namespace drupe::image {

/// Finds and starts all devices; prints them when the command line asks for that. Context: the
/// first thread, file systems mounted.
void start_devices();

} // namespace drupe::image
