// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "elf_image.h"

namespace drupe::mkimage {

/// A name for a backtrace: demangled, without parameters and template arguments.
std::string short_name(const std::string& linker_name);

/// The functions in the form that trace/symbols.h describes.
std::vector<std::byte> encode_symbols(const ElfImage& image);

} // namespace drupe::mkimage
