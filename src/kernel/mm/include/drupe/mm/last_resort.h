// SPDX-License-Identifier: BSD-2-Clause
// Who has memory when there is none.
#pragma once

namespace drupe::mm {

/// Asked before an allocation fails: true, some was freed. Context: any, no lock of rank
/// frame_cache or lower held. Set by the boot thread; null: nobody.
void set_last_resort(bool (*free_some)());

} // namespace drupe::mm
