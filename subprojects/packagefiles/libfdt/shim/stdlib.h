// SPDX-License-Identifier: BSD-2-Clause
// Nothing of <stdlib.h> is used by the parts of libfdt that we compile.
#pragma once
#include <stddef.h>
