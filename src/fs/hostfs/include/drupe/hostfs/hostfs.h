// SPDX-License-Identifier: BSD-2-Clause
// File systems that a host serves: folders of the machine outside.
#pragma once

namespace drupe::hostfs {

/// mount(2) knows "9p" and "virtiofs" from here on. Once.
void register_types();

} // namespace drupe::hostfs
