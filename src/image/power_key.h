// SPDX-License-Identifier: BSD-2-Clause
// What happens when somebody presses the machine's power key.
#pragma once

namespace drupe::image {

/// The program is asked to end (SIGTERM), and killed when it has not ended some seconds later, or
/// when the key is pressed again. The machine ends with the program, as always: what it has written
/// to disks is made lasting, its status is told. Before there is a program the machine is switched
/// off. Context: interrupt.
void on_power_key();

} // namespace drupe::image
