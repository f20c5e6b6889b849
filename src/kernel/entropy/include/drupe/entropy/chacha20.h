// SPDX-License-Identifier: BSD-2-Clause
// The ChaCha20 block function, RFC 8439 section 2.3. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace drupe::entropy {

using ChaChaKey = std::array<std::uint32_t, 8>;
/// Counter and nonce together.
using ChaChaInput = std::array<std::uint32_t, 4>;
using ChaChaBlock = std::array<std::uint32_t, 16>;

ChaChaBlock chacha20(const ChaChaKey& key, const ChaChaInput& input);

} // namespace drupe::entropy
