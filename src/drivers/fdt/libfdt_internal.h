// SPDX-License-Identifier: BSD-2-Clause
// libfdt's header, which is C and older than our warnings.
#pragma once
#pragma GCC system_header

extern "C" {
#include <libfdt.h>
}
